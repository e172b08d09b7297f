//! Moments, as they are read and shown.

use crate::domain::Timestamp;

#[test]
fn timestamp_parses_sns_format_and_prints_milliseconds() {
    let moment = Timestamp::parse("2026-11-21T12:34:56.789Z").unwrap();
    assert_eq!(moment.as_millis(), 1_795_264_496_789);
    assert_eq!(moment.to_string(), "2026-11-21T12:34:56.789Z");
    assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9223372036854775807 ms since 1970");
    assert!(Timestamp::parse("2026-11-21T12:34:56").is_err(), "without a zone it is no moment");
}
