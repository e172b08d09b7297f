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
