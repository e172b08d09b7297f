//! The secrets of a call, removed from what others answered to it.

mod decode;
mod encode;

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use decode::{DecodedByte, decode};

/// The length of the shortest secret that can be redacted: a shorter one would match ordinary words.
pub const MIN_SECRET_BYTES: usize = 8;

/// What stands in place of a secret.
pub const REDACTED: &str = "[secret]";

/// How often a text is decoded: a JSON string in a JSON string in a URL.
const MAX_DECODINGS: usize = 3;

/// The length of the shortest rest of a secret that is redacted where most of it was found.
const MIN_REST_BYTES: usize = 3;

/// The secrets of one call, to be removed from each foreign text that comes of it.
///
/// A server repeats what it was sent in an encoding of its choice, and may split it over two fields. So a text is
/// searched as it stands and decoded (JSON and percent escapes, HTML entities), for the secret and its hex and base64
/// forms, and for each larger part of them.
#[derive(Clone, Default)]
pub struct Redactor {
    forms: Vec<SecretForm>,
}

/// Hides the secrets.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("forms", &self.forms.len()).finish()
    }
}

/// An encoding of a secret.
#[derive(Clone)]
struct SecretForm {
    bytes: Vec<u8>,
    /// All parts of the length `part_bytes`.
    parts: HashSet<Vec<u8>>,
    part_bytes: usize,
}

/// The problem of a secret that cannot be redacted. It quotes nothing.
///
/// # Errors
/// The secret has fewer than [`MIN_SECRET_BYTES`] bytes.
pub fn check_secret_length(secret: &str) -> Result<(), String> {
    if secret.len() >= MIN_SECRET_BYTES {
        return Ok(());
    }
    Err(format!("a secret needs at least {MIN_SECRET_BYTES} bytes: a shorter one cannot be removed from logs"))
}

impl Redactor {
    /// Removes these secrets. Of each, all forms are removed.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| !secret.is_empty());
        Self { forms: secrets.flat_map(|secret| encode::forms(secret.as_bytes())).map(SecretForm::new).collect() }
    }

    /// The text without the secrets.
    ///
    /// It is called on the whole text, before the text is cut: half a secret at a cut would be found by nothing.
    pub fn redact(&self, text: &str) -> String {
        let mut secret = vec![false; text.len()];
        let mut view: Vec<DecodedByte> =
            text.bytes().enumerate().map(|(at, byte)| DecodedByte { byte, source: at..at + 1 }).collect();
        for _ in 0..=MAX_DECODINGS {
            let bytes: Vec<u8> = view.iter().map(|decoded| decoded.byte).collect();
            for found in self.forms.iter().flat_map(|form| form.find(&bytes)) {
                view[found].iter().for_each(|decoded| secret[decoded.source.clone()].fill(true));
            }
            match decode(&view) {
                Some(decoded) => view = decoded,
                None => break,
            }
        }
        replace_marked(text, &secret)
    }
}

impl SecretForm {
    fn new(bytes: Vec<u8>) -> Self {
        let part_bytes = (bytes.len() / 2).clamp(MIN_SECRET_BYTES / 2, MIN_SECRET_BYTES).min(bytes.len());
        let parts = bytes.windows(part_bytes).map(<[u8]>::to_vec).collect();
        Self { bytes, parts, part_bytes }
    }

    /// The places of this form, or of parts of it.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let windows = text.windows(self.part_bytes).enumerate();
        let mut found: Vec<Range<usize>> = windows
            .filter(|(_, window)| self.parts.contains(*window))
            .map(|(at, _)| at..at + self.part_bytes)
            .collect();
        if !found.is_empty() {
            found.extend((MIN_REST_BYTES..self.part_bytes).flat_map(|length| self.find_rests(text, length)));
        }
        found
    }

    /// The places of the first or last bytes of this form, which a split has left by themselves.
    ///
    /// Inside a word they are taken for a part of that word.
    fn find_rests(&self, text: &[u8], length: usize) -> Vec<Range<usize>> {
        let (start, end) = (&self.bytes[..length], &self.bytes[self.bytes.len() - length..]);
        let is_word = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
        let places = text.windows(length).enumerate().filter(|(_, window)| *window == start || *window == end);
        let ranges = places.map(|(at, _)| at..at + length);
        ranges.filter(|range| !is_word(range.start.checked_sub(1)) && !is_word(Some(range.end))).collect()
    }
}

/// The text with a placeholder for each run of marked bytes.
fn replace_marked(text: &str, marked: &[bool]) -> String {
    let mut output = String::with_capacity(text.len());
    let mut in_secret = false;
    for (at, c) in text.char_indices() {
        // A character of several bytes is secret if one of them is.
        let is_secret = marked[at..at + c.len_utf8()].contains(&true);
        match (is_secret, in_secret) {
            (true, false) => output.push_str(REDACTED),
            (true, true) => {}
            (false, _) => output.push(c),
        }
        in_secret = is_secret;
    }
    output
}
