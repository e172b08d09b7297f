//! Times for people.

use std::time::Duration;

use doorbell_engine::domain::Timestamp;

/// An age: `12 s`, `5 min`, `3 h`, `9 d`.
pub(crate) fn format_age(at: Timestamp, now: Timestamp) -> String {
    format_duration(now.duration_since(at))
}

pub(crate) fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..100 => format!("{seconds} s"),
        100..6_000 => format!("{} min", seconds / 60),
        6_000..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Date and time in UTC: `2026-11-21 14:02:11`.
pub(crate) fn format_date_time(at: Timestamp) -> String {
    format_timestamp(at, "%F %T")
}

/// Time of the day in UTC.
pub(crate) fn format_time(at: Timestamp) -> String {
    format_timestamp(at, "%T")
}

fn format_timestamp(at: Timestamp, format: &str) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(moment) => moment.strftime(format).to_string(),
        Err(_) => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_is_formatted_as_one_number_and_unit() {
        for (seconds, expected) in
            [(0, "0 s"), (99, "99 s"), (100, "1 min"), (5_999, "99 min"), (6_000, "1 h"), (172_800, "2 d")]
        {
            assert_eq!(format_duration(Duration::from_secs(seconds)), expected);
        }
    }
}
