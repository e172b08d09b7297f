//! Texts that leave us: told to people, written to logs, sent to queues.

/// Characters of a problem that are kept: enough for serde's longest list of field names.
const SHOWN: usize = 400;

/// Quotes hostile text safely: escaped, and cut, so that an error stays one short line of ASCII.
pub fn invalid(text: &str, rule: &str) -> String {
    const QUOTED: usize = 80;
    let mut shown = String::new();
    for c in text.chars() {
        if shown.len() >= QUOTED {
            shown.push_str("...");
            break;
        }
        shown.extend(c.escape_default());
    }
    format!("\"{shown}\" is refused: {rule}")
}

/// One short line of ASCII from a text that may quote a stranger. Cut in its middle: what was expected stands at
/// the end of serde's messages.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => line.push(c),
            _ => line.extend(c.escape_default()),
        }
    }
    if line.len() <= SHOWN {
        return line;
    }
    // All ASCII by now, so every index is a character's.
    format!("{} ... {}", &line[..SHOWN / 3], &line[line.len() - SHOWN * 2 / 3..])
}

/// JSON text as SNS and SQS take it. Both refuse U+FFFE and U+FFFF (they are no characters of XML), which JSON may
/// hold as they are; in JSON they can stand inside a text only, where an escape means the same.
pub(crate) fn json_for_queues(json: String) -> String {
    if json.contains(['\u{fffe}', '\u{ffff}']) {
        json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
    } else {
        json
    }
}
