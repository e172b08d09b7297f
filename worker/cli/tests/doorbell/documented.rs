//! The README's command lines are command lines.

use super::doorbell;

const README: &str = include_str!("../../README.md");

/// Splits as a shell does, as far as the README needs it: words, and single quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Without credentials a command line that is sound ends with 3 or 4, and a wrong one with 2.
#[test]
fn every_readme_command_line_parses() {
    let lines: Vec<&str> = README.lines().filter_map(|line| line.strip_prefix("$ doorbell ")).collect();
    assert!(lines.len() >= 8, "{lines:?}");
    for line in lines {
        let words = words(line.split(['|', '>']).next().unwrap());
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = doorbell(&arguments, &[("AWS_EC2_METADATA_DISABLED", "true")]);
        let code = output.status.code();
        assert!(matches!(code, Some(3 | 4)), "{line}: {code:?} {}", String::from_utf8_lossy(&output.stderr));
    }
}
