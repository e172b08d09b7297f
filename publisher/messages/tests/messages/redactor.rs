use doorbell_messages::{Redactor, check_secret_length};
use proptest::prelude::*;

/// Characters that each encoding writes in its own way.
const SECRET: &str = "c4n/ry+\"&<S3cr€t=";

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(Redactor::new([SECRET]).redact(text), want);
}

fn percent(text: &str, is_escaped: impl Fn(u8) -> bool) -> String {
    text.bytes().map(|b| if is_escaped(b) { format!("%{b:02X}") } else { char::from(b).to_string() }).collect()
}

#[test]
fn secret_is_redacted_as_it_was_sent() {
    check(&format!("token {SECRET}, again {SECRET}!"), "token [secret], again [secret]!");
    check(SECRET, "[secret]");
    check("nothing of it", "nothing of it");
}

#[test]
fn secret_is_redacted_in_json_escapes() {
    let json = serde_json::to_string(SECRET).unwrap();
    check(&json, "\"[secret]\"");
    check(&serde_json::to_string(&json).unwrap(), "\"\\\"[secret]\\\"\"");
    let all: String = SECRET.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    check(&format!("x{all}y"), "x[secret]y");
    check(&SECRET.replace('"', "\\\"").replace('/', "\\/"), "[secret]");
    check(&format!("{SECRET:?}"), "\"[secret]\"");
}

#[test]
fn secret_is_redacted_in_percent_escapes() {
    let some = percent(SECRET, |b| !b.is_ascii_alphanumeric());
    check(&format!("/path?token={some}&x=1"), "/path?token=[secret]&x=1");
    check(&some.to_lowercase().replace("s3cr", "S3cr"), "[secret]");
    check(&percent(SECRET, |_| true), "[secret]");
    check(&percent(&some, |b| b == b'%'), "[secret]");
}

#[test]
fn secret_is_redacted_in_html_entities() {
    let html = SECRET.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&#34;").replace('€', "&#x20ac;");
    check(&format!("<b>{html}</b>"), "<b>[secret]</b>");
}

#[test]
fn secret_is_redacted_in_base64_at_three_offsets() {
    // printf '%s' 'SECRET' | base64, behind nothing, `u:` and `me:` and with something behind it.
    let secret = "c4n4ryOfThe5ecret";
    let redactor = Redactor::new([secret]);
    for (encoded, rest) in [
        ("YzRuNHJ5T2ZUaGU1ZWNyZXQ=", 3),
        ("dTpjNG40cnlPZlRoZTVlY3JldA==", 6),
        ("bWU6YzRuNHJ5T2ZUaGU1ZWNyZXQ=", 8),
        ("bXU6YzRuNHJ5T2ZUaGU1ZWNyZXQgYW5kIG1vcmU=", 24),
    ] {
        let redacted = redactor.redact(&format!("Basic {encoded}."));
        assert!(redacted.contains("[secret]") && redacted.len() <= "Basic [secret].".len() + rest, "{redacted}");
        let url_escaped = redactor.redact(&percent(encoded, |b| !b.is_ascii_lowercase()));
        assert!(url_escaped.contains("[secret]") && url_escaped.len() <= "[secret]".len() + 3 * rest, "{url_escaped}");
    }
}

#[test]
fn secret_is_redacted_in_hex() {
    let hex: String = SECRET.bytes().map(|b| format!("{b:02x}")).collect();
    check(&hex, "[secret]");
    check(&format!("<{}>", hex.to_uppercase()), "<[secret]>");
}

#[test]
fn secret_split_over_two_fields_is_redacted() {
    let secret = "c4n4ryOfTheW0rld";
    let redactor = Redactor::new([secret]);
    for at in 3..secret.len() - 3 {
        let (start, end) = secret.split_at(at);
        for text in [format!("{start}: {end}"), format!("ENOCODE {end}, then {start}"), format!("{start}\n{end}")] {
            let redacted = redactor.redact(&text);
            assert!(!redacted.contains(start) && !redacted.contains(end), "{at}: {redacted}");
        }
    }
}

#[test]
fn words_that_begin_like_a_secret_are_kept() {
    let redactor = Redactor::new(["c4n4ryOfThe5ecret"]);
    check("nothing of it returned", "nothing of it returned");
    assert_eq!(redactor.redact("c4n4ryOfThe5ecret is not returned"), "[secret] is not returned");
}

#[test]
fn every_secret_of_a_call_is_redacted() {
    let redactor = Redactor::new(["first-secret", "other+secret", ""]);
    assert_eq!(redactor.redact("first-secret other%2Bsecret é"), "[secret] [secret] é");
    assert_eq!(Redactor::default().redact("plain"), "plain");
}

#[test]
fn redactor_debug_output_hides_the_secrets() {
    let debug = format!("{:?}", Redactor::new([SECRET]));
    assert!(!debug.contains("c4n") && !debug.contains("99"), "{debug}");
}

#[test]
fn secret_under_eight_bytes_is_refused_unquoted() {
    assert_eq!(check_secret_length("12345678"), Ok(()));
    let problem = check_secret_length("1234567").unwrap_err();
    assert!(problem.contains("at least 8 bytes") && !problem.contains("1234567"), "{problem}");
}

proptest! {
    #[test]
    fn secret_in_any_text_is_redacted(before in ".{0,40}", secret in "[ -~]{8,60}", after in ".{0,40}") {
        let redacted = Redactor::new([secret.as_str()]).redact(&format!("{before}{secret}{after}"));
        prop_assert!(!redacted.contains(&secret) || "[secret]".contains(&secret), "{redacted}");
    }
}
