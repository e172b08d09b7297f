//! Untrusted strings on their way into logs, errors, status reports and queues.
//!
//! One table of unsafe characters ([`is_unsafe_in_line`]) serves every program.

use std::error::Error;

/// Characters of a line that is kept in a row, a status report or a log.
pub const MAX_LINE_CHARS: usize = 300;

/// Whether a character could forge a line, steer a terminal, or make a line read as another.
///
/// Controls (C0, DEL, C1), Unicode's `Bidi_Control`, line separators, and characters without width. Tabs and new lines
/// are controls, too.
pub fn is_unsafe_in_line(c: char) -> bool {
    is_control_or_bidi(c) || is_zero_width(c)
}

/// The part of the table that no single-line string may hold at all.
///
/// Joiners without width are not in it: emoji and Persian words are written with them.
pub(crate) fn is_control_or_bidi(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Characters that take no room, or look like a space: Unicode's `Default_Ignorable_Code_Point`, without the variation
/// selectors that emoji end with, and the two fillers of Hangul.
fn is_zero_width(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The text without the characters of the table that have no width.
///
/// A joiner stays between two visible characters that are not ASCII: emoji and Persian words are written with them.
/// Nowhere else is it needed, and it would make two equal names differ.
pub(crate) fn without_invisible(text: String) -> String {
    if !text.contains(is_zero_width) {
        return text;
    }
    let is_joinable = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && !is_zero_width(c));
    let mut visible = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let is_joiner = matches!(c, '\u{200c}' | '\u{200d}')
            && is_joinable(visible.chars().next_back())
            && is_joinable(rest.clone().find(|c| !is_zero_width(*c)));
        if is_joiner || !is_zero_width(c) {
            visible.push(c);
        }
    }
    visible
}

/// One line of at most `max_chars` characters, with a space for each unsafe one.
pub fn sanitize_line(text: &str, max_chars: usize) -> String {
    let line: String = text.chars().map(|c| if is_unsafe_in_line(c) { ' ' } else { c }).take(max_chars).collect();
    line.trim().to_owned()
}

/// One line of any length, with an escape for each unsafe character.
pub fn escape_unsafe(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        if is_unsafe_in_line(c) {
            line.extend(c.escape_unicode())
        } else {
            line.push(c)
        }
        line
    })
}

/// JSON that means the same, and shows each character of the table as an escape.
///
/// serde escapes C0 controls only. The new lines of indented JSON are kept: they are outside of strings.
pub fn escape_json(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut escaped, c| {
        if c != '\n' && is_unsafe_in_line(c) {
            let units = c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            escaped.push_str(&units);
        } else {
            escaped.push(c);
        }
        escaped
    })
}

/// One line of printable ASCII, with an escape for each other character, and cut in its middle.
///
/// The end is kept, since serde's errors name the expected value there.
pub fn escape_line(text: &str, max_bytes: usize) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => line.push(c),
            _ => line.extend(c.escape_default()),
        }
    }
    if line.len() <= max_bytes {
        return line;
    }
    // All ASCII by now, so every index is a character's.
    format!("{} ... {}", &line[..max_bytes / 3], &line[line.len() - max_bytes * 2 / 3..])
}

/// An untrusted string in quotation marks: escaped, printable ASCII, and cut.
pub fn quote(text: &str) -> String {
    const MAX_BYTES: usize = 80;
    let mut quoted = String::from("\"");
    for c in text.chars() {
        if quoted.len() > MAX_BYTES {
            quoted.push_str("...");
            break;
        }
        quoted.extend(c.escape_default());
    }
    quoted + "\""
}

/// The error for a value that breaks a rule: `invalid value "x": expected …`.
pub fn invalid(text: &str, expected: &str) -> String {
    format!("invalid value {}: expected {expected}", quote(text))
}

/// The first line that is not blank, without spaces around it.
fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// The first line of an untrusted string, as printable ASCII.
///
/// Branch names, variables and AWS's messages end in CI logs, where a control character or a new line could pose as
/// something else: GitHub reads `::commands::` from any line.
pub fn printable_line(text: &str) -> String {
    escape_line(first_line(text), MAX_LINE_CHARS)
}

/// A summary and an error's causes, on one line: HTTP clients name only there why a connection failed.
pub fn error_chain(summary: &str, error: &dyn Error) -> String {
    sanitize_line(&error_causes(summary, error), MAX_LINE_CHARS)
}

/// A summary and an error's causes as they are: not yet cut, so that a secret in them can be found.
///
/// A cause that repeats the text before it is left out.
pub fn error_causes(summary: &str, error: &dyn Error) -> String {
    let mut texts = vec![summary.to_owned()];
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        source = cause.source();
    }
    texts.join(": ")
}

/// JSON as SNS and SQS accept it.
///
/// Both reject U+FFFE and U+FFFF (they are no characters of XML), which JSON may hold unescaped. In JSON they occur only
/// inside a string, where an escape means the same.
pub(crate) fn json_for_queues(json: String) -> String {
    if json.contains(['\u{fffe}', '\u{ffff}']) {
        json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
    } else {
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSAFE: &str = "\u{ad}\u{3164}\u{206a}\u{ffa0}\u{fff9}\u{e0041}\0\u{1b}\n\t\u{7f}\u{85}\u{9b}\u{61c}\u{200b}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}";

    #[test]
    fn every_unsafe_character_is_replaced_and_escaped() {
        for c in UNSAFE.chars() {
            assert_eq!(sanitize_line(&format!("a{c}b"), 9), "a b", "{c:?}");
            assert_eq!(escape_unsafe(&format!("a{c}b")), format!("a{}b", c.escape_unicode()), "{c:?}");
        }
        assert_eq!(sanitize_line(" ümläut, 你好 \n", 99), "ümläut, 你好");
        assert_eq!(escape_unsafe("ümläut"), "ümläut");
    }

    #[test]
    fn invisible_characters_are_taken_out() {
        let check = |text: &str, want: &str| {
            assert_eq!(without_invisible(text.to_owned()), want, "{text:?}");
            assert_eq!(without_invisible(want.to_owned()), want, "a second time: {want:?}");
        };
        check("plain ümläut", "plain ümläut");
        check("ad\u{200d}min\u{ad} \u{3164}\u{2060}x\u{e0041}", "admin x");
        check("👩\u{200d}🚀 می\u{200c}خواهم", "👩\u{200d}🚀 می\u{200c}خواهم");
        check("é\u{200b}\u{200d}\u{200d}\u{ad}é \u{200d}é\u{200d}", "é\u{200d}é é");
        check("\u{200d}\u{200b}", "");
    }

    #[test]
    fn escaped_json_means_the_same_without_unsafe_characters() {
        let value = serde_json::json!({"a": UNSAFE, "b\u{9b}": ["é 你", "\u{fffd}"]});
        for json in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
            let escaped = escape_json(&json);
            assert!(!escaped.replace('\n', "").contains(is_unsafe_in_line), "{escaped}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        }
    }

    #[test]
    fn long_line_is_cut_to_its_limit() {
        assert_eq!(sanitize_line(&"é".repeat(1000), 300).chars().count(), 300);
        assert_eq!(escape_line("abcdefghijkl", 9), "abc ... ghijkl");
        assert_eq!(escape_line("abcdefghi", 9), "abcdefghi");
    }

    #[test]
    fn untrusted_text_becomes_one_printable_line() {
        let check = |text: &str, want: &str| assert_eq!(printable_line(text), want);
        check("plain \"text\"", "plain \"text\"");
        check("\n\n  first\n::error::second", "first");
        check("a\u{1b}[31mb", "a\\u{1b}[31mb");
        check("a\u{202e}b", "a\\u{202e}b");
        check("", "");
        check(&"x".repeat(301), &format!("{} ... {}", "x".repeat(100), "x".repeat(200)));
    }

    #[test]
    fn quoted_string_is_short_printable_ascii() {
        assert_eq!(quote("a\"b\u{202e}ä"), r#""a\"b\u{202e}\u{e4}""#);
        assert_eq!(quote(&"x".repeat(81)), format!("\"{}...\"", "x".repeat(80)));
    }

    #[test]
    fn error_chain_omits_repeated_texts() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct TestError(&'static str, #[source] Option<Box<TestError>>);
        let error = TestError("a", Some(Box::new(TestError("b", Some(Box::new(TestError("b", None)))))));
        assert_eq!(error_chain("summary", &error), "summary: b");
        assert_eq!(error_chain("b", &error), "b");
    }
}
