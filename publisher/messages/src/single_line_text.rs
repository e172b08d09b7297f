use crate::text::{invalid, is_control_or_bidi, is_unsafe_in_line, without_invisible};

const MAX_BYTES: usize = 500;

crate::validated_text!(
    /// A line for people, of at most 500 bytes, without invisible characters.
    ///
    /// Controls and bidi characters are refused: the text would not be what its publisher sees. Characters without width
    /// are taken out, since commit messages hold them and no build depends on such a text.
    SingleLineText, validate_single_line => without_invisible, "maxLength" = 500, "pattern" = r"^[^\x00-\x1f\x7f-\x9f]*$"
);

fn validate_single_line(text: &str) -> Result<(), String> {
    if text.len() > MAX_BYTES {
        return Err(invalid(text, "at most 500 bytes"));
    }
    if text.chars().any(is_control_or_bidi) {
        return Err(invalid(text, "one line without control or direction-changing characters"));
    }
    Ok(())
}

impl SingleLineText {
    /// The first line of a text that is not blank, cut at a character so that it fits; none if all are blank.
    ///
    /// For publishers: a text for people must not keep a request from being published. What reads requests stays strict.
    pub fn first_line_of(text: &str) -> Option<Self> {
        let is_blank = |line: &&str| line.chars().all(|c| c.is_whitespace() || is_unsafe_in_line(c));
        let line = text.split(['\n', '\r']).find(|line| !is_blank(line))?;
        let line: String = line.chars().map(|c| if is_control_or_bidi(c) { ' ' } else { c }).collect();
        let line = line.trim();
        line[..line.floor_char_boundary(MAX_BYTES)].trim_end().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<&str>) {
        assert_eq!(SingleLineText::first_line_of(text).as_ref().map(SingleLineText::as_str), want, "{text:?}");
    }

    #[test]
    fn first_line_of_any_text_is_valid() {
        check("fix: the login page\n\nThe button was grey.\n", Some("fix: the login page"));
        check("\r\n \u{200b}\nMerge branch 'a'\r\n", Some("Merge branch 'a'"));
        check("fix:\tthe\u{202e} login\u{7f} page ", Some("fix: the  login  page"));
        check("🎉 Größe 👩\u{200d}🚀", Some("🎉 Größe 👩\u{200d}🚀"));
        check(&"x".repeat(600), Some(&"x".repeat(500)));
        check(&format!("x{}", "ß".repeat(300)), Some(&format!("x{}", "ß".repeat(249))));
        check("", None);
        check("\n\t\u{feff}\r\n", None);
    }
}
