use doorbell_messages::DeadLetter;
use proptest::prelude::*;

fn dead_letter(body: &str) -> DeadLetter {
    DeadLetter::new("$: not JSON".to_owned(), 3, "m-1".to_owned(), body)
}

#[test]
fn a_dead_letter_says_what_came_and_why_it_was_put_aside() {
    assert_eq!(
        dead_letter("hello").to_json(),
        r#"{"reason":"$: not JSON","receiveCount":3,"messageId":"m-1","body":"hello","bodyBytes":5}"#
    );
}

#[test]
fn a_long_body_is_cut_between_characters_and_its_size_is_told() {
    let body = format!("x{}", "€".repeat(DeadLetter::MAX_BODY_BYTES / 2));
    let letter = dead_letter(&body);
    assert!(body.starts_with(&letter.body));
    assert!((DeadLetter::MAX_BODY_BYTES - 2..=DeadLetter::MAX_BODY_BYTES).contains(&letter.body.len()));
    assert_eq!(letter.body_bytes, body.len());
}

#[test]
fn the_worst_body_still_fits_a_queue_that_was_never_raised() {
    assert!(dead_letter(&"\u{1}".repeat(1024 * 1024)).to_json().len() < 256 * 1024);
}

/// The characters that SQS takes, from its API reference.
fn is_accepted_by_sqs(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

proptest! {
    #[test]
    fn whatever_came_can_be_sent_to_the_dead_letter_queue(body in any::<String>(), bad in "[\u{0}-\u{1f}\u{fffe}\u{ffff}]{0,4}") {
        let letter = dead_letter(&format!("{body}{bad}"));
        let text = letter.to_json();
        prop_assert!(text.chars().all(is_accepted_by_sqs));
        prop_assert_eq!(serde_json::from_str::<DeadLetter>(&text).unwrap(), letter);
    }
}
