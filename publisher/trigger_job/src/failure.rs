/// Why nothing was published: the failed step, its cause and the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {next}")]
pub struct TriggerFailure {
    /// The kind, which decides the exit code.
    pub kind: TriggerFailureKind,
    /// What happened and why: one line of printable text.
    pub what: String,
    /// What to do next: one line of printable text.
    pub next: String,
}

/// The kinds of failure, named by what a user must change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TriggerFailureKind {
    /// The arguments: a value is invalid, or two of them conflict.
    Usage,
    /// The context: project, ref or topic is missing, or the build is of a fork's pull request.
    MissingContext,
    /// The credentials or their permissions.
    Denied,
    /// Nothing: SNS was unreachable or failed, after all retries.
    NotPublished,
    /// Nothing: the run was interrupted.
    Interrupted,
}

impl TriggerFailureKind {
    /// The exit code of `trigger_job`; stable.
    pub fn exit_code(self) -> u8 {
        match self {
            // clap's own exit code.
            Self::Usage => 2,
            Self::MissingContext => 3,
            Self::Denied => 4,
            Self::NotPublished => 5,
            // A shell's exit code for SIGINT: 128 + 2.
            Self::Interrupted => 130,
        }
    }
}

impl TriggerFailure {
    pub(crate) fn new(kind: TriggerFailureKind, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind, what: what.into(), next: next.into() }
    }

    /// Writing to stdout failed.
    pub fn stdout_failed(error: &std::io::Error) -> Self {
        Self::new(
            TriggerFailureKind::Usage,
            format!("stdout cannot be written: {error}"),
            "redirect stdout to a file or pipe that can be written",
        )
    }

    /// An invalid value. `name` is its source; `rule` quotes the value and says what is expected.
    pub(crate) fn invalid_value(name: &str, rule: impl std::fmt::Display) -> Self {
        Self::invalid(&format!("{name}: {rule}"))
    }

    /// An invalid value, with all that is to be said about it.
    pub(crate) fn invalid(what: &str) -> Self {
        Self::new(TriggerFailureKind::Usage, what, "see trigger_job --help")
    }

    /// One failure that names what is wrong in all of these.
    pub(crate) fn join(failures: Vec<Self>) -> Option<Self> {
        failures.into_iter().reduce(|first, other| {
            let next = if first.next == other.next { first.next } else { format!("{}; {}", first.next, other.next) };
            Self { kind: first.kind, what: format!("{}; {}", first.what, other.what), next }
        })
    }
}
