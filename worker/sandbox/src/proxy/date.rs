//! Changes the date of responses: a caller that learns the time from them sees a wrong local clock.
use axum::http::header::DATE;
use axum::http::{HeaderMap, HeaderValue};
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};
use jiff::{SignedDuration, Timestamp};

/// Shifts the `Date` header, if there is one, by this many seconds.
pub(super) fn shift(headers: &mut HeaderMap, seconds: i64) {
    let Some(date) = headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(parse) else { return };
    let shifted = DateTimePrinter::new().timestamp_to_rfc9110_string(&(date + SignedDuration::from_secs(seconds)));
    if let Some(value) = shifted.ok().and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(DATE, value);
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_shift_changes_only_the_date_header() {
        let mut headers = HeaderMap::new();
        shift(&mut headers, -600);
        assert!(headers.is_empty());
        headers.insert(DATE, HeaderValue::from_static("Sat, 21 Nov 2026 17:00:00 GMT"));
        shift(&mut headers, -600);
        assert_eq!(headers[DATE], "Sat, 21 Nov 2026 16:50:00 GMT");
    }
}
