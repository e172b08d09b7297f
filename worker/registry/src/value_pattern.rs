use doorbell_messages::text::{is_unsafe_in_line, quote};
use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// A pattern that covers a variable's whole value.
///
/// A match takes time proportional to the value's length, for every pattern and value. No pattern matches a
/// value with a character that could forge a line or steer a terminal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String", extend("minLength" = 1, "maxLength" = ValuePattern::MAX_CHARS)))]
pub struct ValuePattern {
    text: String,
    regex: Regex,
}

impl ValuePattern {
    const MAX_CHARS: usize = 256;

    /// The size of a compiled pattern. The time of a match grows with it.
    const MAX_COMPILED_BYTES: usize = 64 * 1024;

    /// Whether the whole value matches.
    pub fn matches(&self, value: &str) -> bool {
        !value.chars().any(is_unsafe_in_line) && self.regex.is_match(value)
    }
}

impl PartialEq for ValuePattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ValuePattern {}

impl TryFrom<String> for ValuePattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.chars().count() > Self::MAX_CHARS {
            let max = Self::MAX_CHARS;
            return Err(format!("invalid value {}: expected a pattern of 1 to {max} characters", quote(&text)));
        }
        // By itself first: `a)|(b` would be well-formed between the anchors, and leave both.
        let compiled = compile(&text).and_then(|_| compile(&format!(r"\A(?:{text})\z")));
        let regex = compiled.map_err(|problem| format!("invalid value {}: {problem}", quote(&text)))?;
        Ok(Self { text, regex })
    }
}

fn compile(pattern: &str) -> Result<Regex, regex_lite::Error> {
    RegexBuilder::new(pattern).size_limit(ValuePattern::MAX_COMPILED_BYTES).build()
}

impl From<ValuePattern> for String {
    fn from(pattern: ValuePattern) -> String {
        pattern.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Result<ValuePattern, String> {
        text.to_owned().try_into()
    }

    #[test]
    fn pattern_covers_the_whole_value() {
        let check = |text: &str, matching: &[&str], other: &[&str]| {
            let pattern = pattern(text).unwrap();
            matching.iter().for_each(|value| assert!(pattern.matches(value), "{text} {value:?}"));
            other.iter().for_each(|value| assert!(!pattern.matches(value), "{text} {value:?}"));
        };
        let others = ["", "stagin", "xstaging", "staging\n", "stagingproduction"];
        check("staging|production", &["staging", "production"], &others);
        check("^v[0-9]$", &["v1"], &["^v1$", "v12", "av1"]);
        check("a|ab", &["a", "ab"], &["abb", ""]);
        check("(?m)^a$", &["a"], &["a\na", "x\na"]);
        check(r"v?\d+(\.\d+){0,2}", &["1", "v1.2", "10.20.30"], &["", "v", "1.", "1.2.3.4", "١"]);
    }

    #[test]
    fn no_pattern_matches_an_unsafe_character() {
        let any = pattern("(?s).*").unwrap();
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
        for text in ["a)|(b", "(a", "[a", "*a", "(?=a)b", r"(a)\1", "a{2,1}", "a\\", "(?x)a #"] {
            check(text, "");
        }
        check("((((a{100}){100}){100}){100}){100}", "size limit");
    }

    /// With a matcher that backtracks this test does not end.
    #[test]
    fn hostile_pattern_does_not_backtrack() {
        let (value, long) = ("a".repeat(30) + "!", "a".repeat(4096));
        for text in ["(a+)+", "(a|aa)+", "(a*)*b", "(a?){30}a{30}b", "(.*)(.*)(.*)(.*)(.*)x", "(a{1,15}){1,15}b"] {
            assert!(!pattern(text).unwrap().matches(&value), "{text}");
            pattern(text).unwrap().matches(&long);
        }
    }
}
