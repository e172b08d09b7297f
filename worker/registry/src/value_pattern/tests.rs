use std::time::{Duration, Instant};

use super::*;

fn pattern(text: &str) -> Result<ValuePattern, String> {
    text.to_owned().try_into()
}

#[track_caller]
fn check(text: &str, matching: &[&str], other: &[&str]) {
    let pattern = pattern(text).unwrap();
    matching.iter().for_each(|value| assert!(pattern.matches(value), "{text} {value:?}"));
    other.iter().for_each(|value| assert!(!pattern.matches(value), "{text} {value:?}"));
}

#[test]
fn pattern_covers_the_whole_value() {
    check(
        "staging|production",
        &["staging", "production"],
        &["", "stagin", "xstaging", "staging\n", "stagingproduction"],
    );
    check("^v[0-9]$", &["v1"], &["^v1$", "v12", "av1"]);
    check("^a|b$", &["a", "b"], &["ax", "xb", "ab"]);
    check(r"a\$", &["a$"], &["a", r"a\"]);
    check(r"a\\$", &[r"a\"], &["a", r"a\\"]);
}

#[test]
fn pattern_parts_match_as_documented() {
    check(r"v?[0-9]+(\.[0-9]+){0,2}", &["1", "v1.2", "10.20.30"], &["", "v", "1.", "1.2.3.4", "v1.x"]);
    check("[a-z][a-z0-9-]{2,4}", &["abc", "a-1-2"], &["ab", "abcdef", "Abc", "1bc"]);
    check("(ab|c)*d{2}", &["dd", "abdd", "cabccdd"], &["d", "abd", "acdd", "ddd"]);
    check("x{2,}", &["xx", "xxxx"], &["", "x"]);
    check(r"[^a\]]", &["b", "-", "é"], &["a", "]", "", "\n", "\u{202e}"]);
    check(r"[a\-c-]\w\d", &["ax1", "-_0", "cA9"], &["bx1", "a-1", "axa"]);
    check("(a?){3}", &["", "aaa"], &["aaaa"]);
    check("((a*)*)*", &["", "aaaa"], &["b"]);
}

#[test]
fn dot_matches_no_unsafe_character() {
    let any = pattern(".*").unwrap();
    assert!(any.matches("ümläut, 你好 $(x)"));
    for c in ['\n', '\t', '\0', '\u{1b}', '\u{9b}', '\u{202e}', '\u{200b}', '\u{2028}', '\u{feff}'] {
        assert!(!any.matches(&format!("a{c}b")), "{c:?}");
    }
}

#[test]
fn invalid_pattern_is_rejected_with_its_problem() {
    let check = |text: &str, problem: &str| {
        let error = pattern(text).unwrap_err();
        assert!(error.starts_with("invalid value ") && error.contains(problem), "{text}: {error}");
    };
    check("", "1 to 256 characters");
    check(&"x".repeat(257), "1 to 256 characters");
    check("(a", "( has no )");
    check("a)", ") has no (");
    check("a|", "is empty");
    check("()", "is empty");
    check("^$", "is empty");
    check("[a", "[ has no ]");
    check("[]", "set [] is empty");
    check("[z-a]", "smaller character");
    check("[[:alpha:]]", r"\[");
    check("*a", "nothing before *");
    check("(?:a)", "nothing before ?");
    check("(?=a)", "nothing before ?");
    check("a+?", "two repetitions");
    check("a**", "two repetitions");
    check("a{", "{m,n}");
    check("a{2,1}", "{m,n}");
    check("a{0}", "{m,n}");
    check("a{1001}", "{m,n}");
    check("a{-1}", "{m,n}");
    check("a^b", "the whole value");
    check("a$b", "the whole value");
    check(r"\1", r"after \ comes");
    check(r"\n", r"after \ comes");
    check("a\\", r"after \ comes");
    check("a\nb", "no control");
    check("a\u{202e}b", "no control");
    check("((((a{100}){100}){100}){100}){100}", "too large");
}

/// A backtracking matcher needs more than 2^30 steps for each of these.
#[test]
fn hostile_pattern_matches_in_linear_time() {
    let start = Instant::now();
    let (value, long) = ("a".repeat(30) + "!", "a".repeat(4096));
    for text in ["(a+)+", "(a|aa)+", "(a*)*b", "(a?){30}a{30}b", "(.*)(.*)(.*)(.*)(.*)x", "(a{1,15}){1,15}b"] {
        assert!(!pattern(text).unwrap().matches(&value), "{text}");
        pattern(text).unwrap().matches(&long);
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
