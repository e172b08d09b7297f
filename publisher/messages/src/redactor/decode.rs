use std::ops::Range;

/// A byte of a decoded text, and the bytes of the original text that it came from.
#[derive(Debug, Clone)]
pub(super) struct DecodedByte {
    pub(super) byte: u8,
    pub(super) source: Range<usize>,
}

/// Undoes one layer of escapes: JSON, Rust and Python (backslash), percent, HTML entities.
///
/// None if the text has none. Bytes that are no escape are kept.
pub(super) fn decode(view: &[DecodedByte]) -> Option<Vec<DecodedByte>> {
    let text: Vec<u8> = view.iter().map(|decoded| decoded.byte).collect();
    let mut decoded = Vec::with_capacity(view.len());
    let mut at = 0;
    let mut is_changed = false;
    while at < text.len() {
        let Some((c, length)) = escape(&text[at..]) else {
            decoded.push(view[at].clone());
            at += 1;
            continue;
        };
        let source = view[at].source.start..view[at + length - 1].source.end;
        match c {
            Escaped::Byte(byte) => decoded.push(DecodedByte { byte, source }),
            Escaped::Char(c) => {
                let bytes = c.encode_utf8(&mut [0; 4]).bytes().collect::<Vec<_>>();
                decoded.extend(bytes.into_iter().map(|byte| DecodedByte { byte, source: source.clone() }));
            }
        }
        at += length;
        is_changed = true;
    }
    is_changed.then_some(decoded)
}

/// What an escape stands for.
#[derive(Debug, PartialEq, Eq)]
enum Escaped {
    Byte(u8),
    Char(char),
}

/// The escape at the beginning of a text, and its length.
fn escape(text: &[u8]) -> Option<(Escaped, usize)> {
    match text.first()? {
        b'%' => hex(text.get(1..3)?).and_then(|code| Some((Escaped::Byte(u8::try_from(code).ok()?), 3))),
        b'\\' => backslash(text),
        b'&' => entity(text),
        _ => None,
    }
}

fn backslash(text: &[u8]) -> Option<(Escaped, usize)> {
    let byte = match text.get(1)? {
        b'u' => return unicode(text),
        b'x' => u8::try_from(hex(text.get(2..4)?)?).ok().map(|byte| (byte, 4))?,
        b'n' => (b'\n', 2),
        b'r' => (b'\r', 2),
        b't' => (b'\t', 2),
        b'b' => (0x08, 2),
        b'f' => (0x0c, 2),
        other if other.is_ascii_punctuation() => (*other, 2),
        _ => return None,
    };
    Some((Escaped::Byte(byte.0), byte.1))
}

/// `\u0041`, or `\u{41}`. A half of a surrogate pair stays as it is: no secret that a header carries has one.
fn unicode(text: &[u8]) -> Option<(Escaped, usize)> {
    if text.get(2) == Some(&b'{') {
        let end = text.iter().take(10).position(|byte| *byte == b'}')?;
        return Some((Escaped::Char(char::from_u32(hex(text.get(3..end)?)?)?), end + 1));
    }
    Some((Escaped::Char(char::from_u32(hex(text.get(2..6)?)?)?), 6))
}

fn entity(text: &[u8]) -> Option<(Escaped, usize)> {
    /// The length of the longest entity that counts, `&#x10ffff;`.
    const MAX_ENTITY_BYTES: usize = 10;
    let end = text.iter().take(MAX_ENTITY_BYTES).position(|byte| *byte == b';')?;
    let c = match text.get(1..end)? {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(hex(digits)?)?,
        [b'#', digits @ ..] => char::from_u32(std::str::from_utf8(digits).ok()?.parse().ok()?)?,
        _ => return None,
    };
    Some((Escaped::Char(c), end + 1))
}

fn hex(digits: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Option<String> {
        let view: Vec<_> =
            text.bytes().enumerate().map(|(at, byte)| DecodedByte { byte, source: at..at + 1 }).collect();
        let decoded = decode(&view)?;
        Some(String::from_utf8(decoded.into_iter().map(|decoded| decoded.byte).collect()).unwrap())
    }

    #[test]
    fn escapes_of_each_language_are_decoded_once() {
        let check = |text: &str, want: &str| assert_eq!(decoded(text).as_deref(), Some(want), "{text}");
        check("a%2Fb%2fc", "a/b/c");
        check(r#"\u0041\/\"\\n"#, r#"A/"\n"#);
        check(r"\u{e9}\x41\u00e9", "éAé");
        check("&amp;lt;&#65;&#x42;&quot;", "&lt;AB\"");
        check("%zz%41", "%zzA");
    }

    #[test]
    fn text_without_escapes_is_not_decoded() {
        for text in ["", "plain", "50 % & more", "%", "%4", "\\", "\\u12", "\\u{}", "&;", "&nothing;", "&#x;", "é"] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    #[test]
    fn decoded_byte_knows_its_whole_escape() {
        let view: Vec<_> =
            b"x%41".iter().enumerate().map(|(at, b)| DecodedByte { byte: *b, source: at..at + 1 }).collect();
        let decoded = decode(&view).unwrap();
        assert_eq!((decoded[1].byte, decoded[1].source.clone()), (b'A', 1..4));
    }
}
