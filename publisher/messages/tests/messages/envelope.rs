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
        r#"{{"Type": "Notification", "MessageId": "x", "TopicArn": "arn:x", "Timestamp": "2026-11-21T10:15:30Z", "Message": "{escaped}"}}"#
    );
    assert!(body.len() <= MAX_ENVELOPE_BYTES);
    let envelope = parse(&body).unwrap();
    assert_eq!(envelope.message, request);
    assert!(Request::parse(&envelope.message).is_ok());
}

/// An envelope as a sender to the queue may write it by hand.
fn envelope(message_id: &str, topic_arn: &str, timestamp: &str) -> String {
    serde_json::json!({
        "Type": "Notification", "MessageId": message_id, "TopicArn": topic_arn, "Timestamp": timestamp, "Message": "",
    })
    .to_string()
}

const ID: &str = "0b4a1c34-5d0e-5a4b-9c6e-4f1f0c7a2d11";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:doorbell";
const TIME: &str = "2026-11-21T10:15:30.123Z";

#[test]
fn hostile_envelope_strings_are_rejected() {
    assert!(parse(&envelope(ID, TOPIC, TIME)).is_ok());
    assert!(parse(&envelope(ID, TOPIC, "2026-11-21T10:15:30Z")).is_ok());
    let long = "0".repeat(90_000);
    let check = |field: &str, body: String| {
        let error = parse(&body).unwrap_err();
        assert!(error.starts_with(field) && error.len() < 300 && error.is_ascii(), "{error}");
    };
    for id in ["", "a#b", "a~0", "a b", "a\nb", "é", "a\u{202e}b", &long, &"a".repeat(65)] {
        check("$.MessageId: ", envelope(id, TOPIC, TIME));
    }
    for topic in ["", "topic", "arn:a b", "arn:\u{200b}", &format!("arn:{long}")] {
        check("$.TopicArn: ", envelope(ID, topic, TIME));
    }
    let fraction = format!("2026-11-21T10:15:30.{long}Z");
    for time in
        ["", "x", "2026-11-21", "2026-11-21T10:15:30", "2026-11-21T10:15:30.Z", "٢٠٢٦-11-21T10:15:30Z", &fraction]
    {
        check("$.Timestamp: ", envelope(ID, TOPIC, time));
    }
    check("$.Timestamp: ", envelope(ID, TOPIC, "2026-11-21T10:15:30+00:00"));
}

proptest! {
    #[test]
    fn envelope_strings_of_a_parsed_envelope_are_bounded(id in any::<String>(), time in any::<String>()) {
        for body in [envelope(&id, TOPIC, TIME), envelope(ID, &format!("arn:{id}"), TIME), envelope(ID, TOPIC, &time)] {
            if let Ok(parsed) = Envelope::parse(&body) {
                for text in [&parsed.message_id, &parsed.topic_arn, &parsed.timestamp] {
                    prop_assert!(text.len() <= 512 && text.bytes().all(|byte| byte.is_ascii_graphic()));
                }
            }
        }
    }

    #[test]
    fn any_text_parses_as_envelope_without_panic(text in any::<String>()) {
        let _ = Envelope::parse(&text);
    }
}
