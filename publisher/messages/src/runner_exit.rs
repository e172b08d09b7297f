/// The runner's own exit codes, 240 to 247.
///
/// A command that exits with one of them is reported as 1. So these codes are always the runner's, and all others the
/// command's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RunnerExit {
    /// The environment that the worker set is missing something or holds an invalid value.
    BadEnvironment = 240,
    /// git could not fetch or check out the ref.
    CheckoutFailed = 241,
    /// The commit is not on the requested ref, or not its tip if the project requires the tip.
    CommitNotOnRef = 242,
    /// The project's command is not in the checkout, or cannot be executed.
    CommandNotFound = 243,
    /// The command ran longer than it may.
    TimedOut = 244,
    /// The runner itself was stopped while the command ran.
    Interrupted = 245,
    /// The machine has no disk, memory or processes left for the runner.
    InfrastructureFailure = 246,
    /// The commit is a strict ancestor of one that must not be overtaken: the command did not run.
    OlderCommit = 247,
}

impl RunnerExit {
    /// All codes, for tables and documentation.
    pub const ALL: [Self; 8] = [
        Self::BadEnvironment,
        Self::CheckoutFailed,
        Self::CommitNotOnRef,
        Self::CommandNotFound,
        Self::TimedOut,
        Self::Interrupted,
        Self::InfrastructureFailure,
        Self::OlderCommit,
    ];

    /// The first and the last code that is never a command's.
    pub const RESERVED: std::ops::RangeInclusive<u8> = 240..=247;

    /// The code to exit with.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Reads a code back; `None` means that the command itself exited with it.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| i32::from(exit.code()) == code)
    }

    /// Whether the runner exits with this code only before it starts the command.
    pub fn is_before_command(self) -> bool {
        match self {
            Self::BadEnvironment
            | Self::CheckoutFailed
            | Self::CommitNotOnRef
            | Self::CommandNotFound
            | Self::OlderCommit => true,
            Self::TimedOut | Self::Interrupted | Self::InfrastructureFailure => false,
        }
    }

    /// What happened, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::BadEnvironment => "the build's environment is incomplete or wrong",
            Self::CheckoutFailed => "the checkout failed",
            Self::CommitNotOnRef => "the commit is not on the ref that was asked for",
            Self::CommandNotFound => "the project's command was not found or cannot be executed",
            Self::TimedOut => "the command ran longer than it may",
            Self::Interrupted => "the build was stopped while the command ran",
            Self::InfrastructureFailure => "the build machine failed",
            Self::OlderCommit => "the commit is older than another one of its ref: stepped aside",
        }
    }
}
