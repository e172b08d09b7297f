/// Why nothing was published, as far as is known: what happened and why, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {next}")]
pub struct TriggerFailure {
    /// What a caller may branch on.
    pub kind: TriggerFailureKind,
    /// What happened and why: one line of printable text.
    pub what: String,
    /// What to do next: one line of printable text.
    pub next: String,
}

/// The kinds of failure, named by what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TriggerFailureKind {
    /// Other arguments: a value is bad, or some don't go together.
    Usage,
    /// More context: no project, no ref or no topic could be found. Or another one than a fork's pull request.
    MissingContext,
    /// Other credentials, or more rights for these.
    Denied,
    /// Another try, later: SNS could not be reached or could not do it, after all retries.
    NotPublished,
    /// Nothing: a person interrupted it.
    Interrupted,
}

impl TriggerFailureKind {
    /// The exit code of `trigger_job`; stable.
    pub fn exit_code(self) -> u8 {
        match self {
            // clap's own, for what it refuses itself.
            Self::Usage => 2,
            Self::MissingContext => 3,
            Self::Denied => 4,
            Self::NotPublished => 5,
            // A shell's own for SIGINT: 128 + 2.
            Self::Interrupted => 130,
        }
    }
}

impl TriggerFailure {
    pub(crate) fn new(kind: TriggerFailureKind, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind, what: what.into(), next: next.into() }
    }

    /// What was asked for could not be written to stdout.
    pub fn stdout_failed(error: &std::io::Error) -> Self {
        Self::new(TriggerFailureKind::Usage, format!("stdout can't be written: {error}"), "give it a place to write to")
    }

    /// A value that breaks a rule. `name` says where it came from, `rule` quotes it and gives the rule.
    pub(crate) fn invalid_value(name: &str, rule: impl std::fmt::Display) -> Self {
        Self::new(TriggerFailureKind::Usage, format!("{name}: {rule}"), "see trigger_job --help")
    }
}

/// Foreign text as one short line of ASCII: branch names, variables and AWS's answers end in CI logs, where a control
/// character or a new line could pose as something else (GitHub reads `::commands::` from any line).
pub(crate) fn one_line(text: &str) -> String {
    const SHOWN: usize = 300;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut shown: String = line.chars().take(SHOWN).flat_map(escaped).collect();
    if line.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

fn escaped(c: char) -> Vec<char> {
    if c.is_ascii_graphic() || c == ' ' { vec![c] } else { c.escape_default().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(one_line(text), want);
    }

    #[test]
    fn untrusted_text_becomes_one_printable_line() {
        check("plain \"text\"", "plain \"text\"");
        check("\n\n  first\n::error::second", "first");
        check("a\u{1b}[31mb", "a\\u{1b}[31mb");
        check("a\u{202e}b", "a\\u{202e}b");
        check("", "");
        check(&"x".repeat(301), &format!("{}...", "x".repeat(300)));
    }
}
