use crate::text::{invalid, is_control_or_bidi};

crate::validated_text!(
    /// A line for people, of at most 500 bytes.
    SingleLineText, validate_single_line, "maxLength" = 500, "pattern" = r"^[^\x00-\x1f\x7f-\x9f]*$"
);

fn validate_single_line(text: &str) -> Result<(), String> {
    if text.len() > 500 {
        return Err(invalid(text, "at most 500 bytes"));
    }
    if text.chars().any(is_control_or_bidi) {
        return Err(invalid(text, "one line without control or direction-changing characters"));
    }
    Ok(())
}
