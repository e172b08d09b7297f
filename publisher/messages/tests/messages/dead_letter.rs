use doorbell_messages::DeadLetter;
use proptest::prelude::*;

fn dead_letter(body: &str) -> DeadLetter {
    DeadLetter::new("$: not JSON".to_owned(), 3, "m-1".to_owned(), body)
}

#[test]
fn dead_letter_json_contains_body_and_reason() {
    assert_eq!(
        dead_letter("hello").to_json(),
        r#"{"reason":"$: not JSON","receiveCount":3,"messageId":"m-1","body":"hello","bodyBytes":5}"#
    );
}

#[test]
fn long_body_is_truncated_at_character_boundary() {
    let body = format!("x{}", "€".repeat(DeadLetter::MAX_BODY_BYTES / 2));
    let letter = dead_letter(&body);
    assert!(body.starts_with(&letter.body));
    assert!((DeadLetter::MAX_BODY_BYTES - 2..=DeadLetter::MAX_BODY_BYTES).contains(&letter.body.len()));
    assert_eq!(letter.body_bytes, body.len());
}

#[test]
fn long_reason_is_truncated_at_character_boundary() {
    let reason = format!("xx{}", "€".repeat(100_000));
    let letter = DeadLetter::new(reason.clone(), 1, "m-1".to_owned(), &"\u{1}".repeat(1024 * 1024));
    assert!(reason.starts_with(&letter.reason) && letter.reason.len() > DeadLetter::MAX_REASON_BYTES - 3);
    assert!(letter.to_json().len() < 256 * 1024);
}

#[test]
fn largest_dead_letter_fits_default_queue_limit() {
    assert!(dead_letter(&"\u{1}".repeat(1024 * 1024)).to_json().len() < 256 * 1024);
}

/// The characters that SQS takes, from its API reference.
fn is_accepted_by_sqs(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

proptest! {
    #[test]
    fn any_body_becomes_a_valid_sqs_message(body in any::<String>(), bad in "[\u{0}-\u{1f}\u{fffe}\u{ffff}]{0,4}") {
        let letter = dead_letter(&format!("{body}{bad}"));
        let text = letter.to_json();
        prop_assert!(text.chars().all(is_accepted_by_sqs));
        prop_assert_eq!(serde_json::from_str::<DeadLetter>(&text).unwrap(), letter);
    }
}
