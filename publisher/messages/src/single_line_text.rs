use crate::text::invalid;

crate::validated_text!(
    /// Text for people, such as why a job was asked for: one line, at most 500 bytes.
    SingleLineText, validate_single_line, "maxLength" = 500, "pattern" = r"^[^\x00-\x1f\x7f-\x9f]*$"
);

fn validate_single_line(text: &str) -> Result<(), String> {
    if text.len() > 500 {
        return Err(invalid(text, "this text has at most 500 bytes"));
    }
    if text.chars().any(is_unfit_for_a_line) {
        return Err(invalid(text, "this text is one line without control or direction-changing characters"));
    }
    Ok(())
}

/// Control characters forge log lines; bidirectional ones (Unicode's `Bidi_Control`) make a line read as another.
fn is_unfit_for_a_line(c: char) -> bool {
    const BIDI_CONTROL: [std::ops::RangeInclusive<char>; 4] =
        ['\u{61c}'..='\u{61c}', '\u{200e}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    const OTHER_LINES_AND_MARKS: [char; 3] = ['\u{2028}', '\u{2029}', '\u{feff}'];
    c.is_control() || OTHER_LINES_AND_MARKS.contains(&c) || BIDI_CONTROL.iter().any(|range| range.contains(&c))
}
