use doorbell_messages::{Envelope, MAX_ENVELOPE_BYTES, MAX_REQUEST_BYTES, Request};
use proptest::prelude::*;

use crate::fixtures::{check_rejections, fixtures};
use crate::located;

fn parse(text: &str) -> Result<Envelope, String> {
    Envelope::parse(text).map_err(located)
}

#[test]
fn valid_notification_is_parsed() {
    for fixture in fixtures("envelope", "valid") {
        let envelope = parse(fixture.text().unwrap()).unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
        assert_eq!(envelope.message_id, "0b4a1c34-5d0e-5a4b-9c6e-4f1f0c7a2d11");
        assert_eq!(envelope.topic_arn, "arn:aws:sns:eu-west-1:123456789012:doorbell");
        assert_eq!(envelope.timestamp, "2026-11-21T10:15:30.123Z");
        assert_eq!(envelope.message, fixture.json()["Message"], "{}", fixture.name);
    }
}

#[test]
fn invalid_envelope_is_rejected() {
    check_rejections("envelope", &["invalid"], parse);
}

#[test]
fn fully_escaped_largest_request_fits_envelope_limit() {
    // U+007F is one byte that an escaper may write as six.
    let request = format!(r#"{{"project": "demo", "branch": "main", "cause": "{}"}}"#, "x".repeat(400));
    let request = format!("{request}{}", " ".repeat(MAX_REQUEST_BYTES - request.len()));
    let escaped: String = request.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let body = format!(
        r#"{{"Type": "Notification", "MessageId": "x", "TopicArn": "x", "Timestamp": "x", "Message": "{escaped}"}}"#
    );
    assert!(body.len() <= MAX_ENVELOPE_BYTES);
    let envelope = parse(&body).unwrap();
    assert_eq!(envelope.message, request);
    assert!(Request::parse(&envelope.message).is_ok());
}

proptest! {
    #[test]
    fn any_text_parses_as_envelope_without_panic(text in any::<String>()) {
        let _ = Envelope::parse(&text);
    }
}
