use std::io::Write;
use std::time::Duration;

/// Writes one line to the build's log. A log that can't be written to (a closed pipe) is no reason to fail a deploy.
pub(crate) fn log_line(line: &str) {
    let _ = std::io::stderr().write_all(format!("doorbell: {}\n", one_line(line)).as_bytes());
}

/// Ends the line that the command may have left open, so that none of the runner's lines continues it.
///
/// The command writes to the log itself, so the runner does not know whether its last line has ended.
pub(crate) fn end_open_line() {
    let _ = std::io::stderr().write_all(b"\n");
}

/// A text from outside can't forge a second line, and can't drive a terminal.
fn one_line(text: &str) -> String {
    doorbell_messages::text::escape_unsafe(text)
}

/// `0.42 s`
pub(crate) fn format_seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_line_escapes_control_characters() {
        let check = |text: &str, line: &str| assert_eq!(one_line(text), line);
        check("plain, ümläut", "plain, ümläut");
        check("a\nb\r\x1b[2Jc", "a\\u{a}b\\u{d}\\u{1b}[2Jc");
        check("a\u{9b}b\u{202e}c\u{2028}d", "a\\u{9b}b\\u{202e}c\\u{2028}d");
    }
}
