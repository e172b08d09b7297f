/// Wraps a string at its spaces, except leading ones. A word longer than a line stays whole, so that it can be copied.
pub(super) fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let words = text.trim_start_matches(' ');
    let mut lines = Vec::new();
    let mut line = " ".repeat(text.len() - words.len());
    let mut has_word = false;
    for word in words.split(' ') {
        // A break after the label alone would gain nothing.
        if has_word && display_width(&line) + 1 + display_width(word) > width && display_width(&line) >= indent {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
        } else if has_word {
            line.push(' ');
        }
        line.push_str(word);
        has_word = true;
    }
    lines.push(line);
    lines
}

/// Number of visible characters; styles count as none.
fn display_width(text: &str) -> usize {
    anstream::adapter::strip_str(text).flat_map(str::chars).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, width: usize, expected: &[&str]) {
        assert_eq!(wrap(text, width, 2), expected);
    }

    #[test]
    fn long_line_wraps_at_spaces_with_indent() {
        check("one two three", 80, &["one two three"]);
        check("one two three", 8, &["one two", "  three"]);
        check("one two three", 5, &["one", "  two", "  three"]);
        check("a-very-long-name and more", 8, &["a-very-long-name", "  and", "  more"]);
        check("", 8, &[""]);
        check("  one two", 6, &["  one", "  two"]);
        check("- a-very-long-name", 8, &["- a-very-long-name"]);
        check("\u{1b}[1mone\u{1b}[0m two three", 8, &["\u{1b}[1mone\u{1b}[0m two", "  three"]);
    }
}
