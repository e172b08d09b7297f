use std::time::Duration;

use doorbell_messages::text::{MAX_LINE_CHARS, sanitize_line};
use doorbell_messages::{BuildId, RunnerExit, Status};

use crate::domain::build_record::CommandRan;
use crate::domain::timestamp::Timestamp;

/// A build as the provider describes it: the only source of a job's final status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderBuild {
    /// Its id.
    pub id: BuildId,
    /// Its number at its target; lower is earlier.
    pub number: Option<i64>,
    /// The job id in its environment.
    pub job_id: Option<String>,
    /// Whether a worker of this installation started it, by the provider's own record.
    pub is_own: bool,
    /// How it is.
    pub state: BuildState,
    /// Whether it came to the stage that runs the command; none where the provider does not show that.
    pub reached_command: Option<bool>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The page of its log, for people.
    pub log_url: Option<String>,
}

/// The state of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildState {
    /// It waits at the provider.
    Queued,
    /// It has started and has not ended.
    Running,
    /// It has ended.
    Ended(BuildOutcome),
}

/// How a build ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildOutcome {
    /// The command exited with 0.
    Success,
    /// The command exited with another code.
    CommandFailed {
        /// The command's exit code.
        exit_code: i32,
    },
    /// The runner failed before, beside or after the command.
    RunnerFailed {
        /// The runner's exit code.
        exit_code: i32,
    },
    /// The runner stepped aside before the command: the commit is older than one that it must not overtake.
    OlderCommit,
    /// The build failed outside the runner's stage, or without an exit code.
    FailedOutsideCommand(Option<FailedStage>),
    /// The provider's infrastructure failed.
    InfrastructureFailed(Option<FailedStage>),
    /// The provider ended it at its time limit.
    TimedOut,
    /// It was stopped.
    Canceled,
    /// It ended with a status that the adapter does not know.
    Unknown {
        /// The provider's word.
        status: String,
    },
}

/// A stage of a build that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedStage {
    /// Its name, as the provider has it.
    pub name: String,
    /// The provider's message.
    pub message: String,
}

impl BuildOutcome {
    /// The outcome of a runner that exited with this code, which is not 0.
    pub fn from_exit_code(exit_code: i32) -> Self {
        if RunnerExit::from_code(exit_code) == Some(RunnerExit::OlderCommit) {
            return Self::OlderCommit;
        }
        if u8::try_from(exit_code).is_ok_and(|code| RunnerExit::RESERVED.contains(&code)) {
            return Self::RunnerFailed { exit_code };
        }
        Self::CommandFailed { exit_code }
    }
}

impl ProviderBuild {
    /// Whether it has ended.
    pub fn is_complete(&self) -> bool {
        matches!(self.state, BuildState::Ended(_))
    }

    /// Whether it waits in the provider's own queue.
    pub fn is_queued(&self) -> bool {
        matches!(self.state, BuildState::Queued)
    }

    /// Whether it stepped aside for a newer commit.
    pub fn is_older_commit(&self) -> bool {
        matches!(self.state, BuildState::Ended(BuildOutcome::OlderCommit))
    }

    /// Whether the project's command ran, once the build has ended.
    pub fn command_ran(&self) -> CommandRan {
        match &self.state {
            BuildState::Ended(BuildOutcome::Success | BuildOutcome::CommandFailed { .. }) => CommandRan::Yes,
            BuildState::Ended(BuildOutcome::RunnerFailed { exit_code }) => match RunnerExit::from_code(*exit_code) {
                Some(exit) if exit.is_before_command() => CommandRan::No,
                _ => CommandRan::Maybe,
            },
            BuildState::Ended(BuildOutcome::OlderCommit) => CommandRan::No,
            BuildState::Ended(_) if self.reached_command == Some(false) => CommandRan::No,
            BuildState::Ended(_) | BuildState::Queued | BuildState::Running => CommandRan::Maybe,
        }
    }

    /// The final status, and a message about it; none until the build has ended.
    pub fn final_status(&self) -> Option<(Status, String)> {
        let BuildState::Ended(outcome) = &self.state else { return None };
        let after = self.duration().map_or(String::new(), |took| format!(" after {}", format_duration(took)));
        Some(match outcome {
            BuildOutcome::Success => (Status::Success, format!("passed{after}")),
            BuildOutcome::CommandFailed { exit_code } => {
                (Status::Failure, format!("the command exited with {exit_code}{after}"))
            }
            BuildOutcome::RunnerFailed { exit_code } => (Status::Error, runner_message(*exit_code, &after)),
            BuildOutcome::OlderCommit => (Status::Canceled, format!("{}{after}", RunnerExit::OlderCommit.meaning())),
            BuildOutcome::FailedOutsideCommand(stage) => {
                (Status::Error, format!("the build failed outside the command{after}{}", stage_message(stage.as_ref())))
            }
            BuildOutcome::InfrastructureFailed(stage) => {
                (Status::Error, format!("the provider failed{after}{}", stage_message(stage.as_ref())))
            }
            BuildOutcome::TimedOut => (Status::Error, format!("the provider ended the build at its time limit{after}")),
            BuildOutcome::Canceled => (Status::Canceled, format!("stopped{after}")),
            BuildOutcome::Unknown { status } => (
                Status::Error,
                format!("the build ended{after} with a status that is unknown here: {}", one_line(status)),
            ),
        })
    }

    fn duration(&self) -> Option<Duration> {
        Some(self.ended_at?.duration_since(self.started_at?))
    }
}

fn runner_message(exit_code: i32, after: &str) -> String {
    match RunnerExit::from_code(exit_code) {
        Some(exit) => format!("{}{after} (runner code {exit_code})", exit.meaning()),
        None => format!("the runner failed{after} (runner code {exit_code}, which is unknown here)"),
    }
}

fn stage_message(stage: Option<&FailedStage>) -> String {
    match stage {
        Some(stage) => format!(": {}: {}", one_line(&stage.name), one_line(&stage.message)),
        None => String::new(),
    }
}

/// Foreign text as one short line without control characters or bidirectional marks.
pub fn one_line(text: &str) -> String {
    sanitize_line(text, MAX_LINE_CHARS)
}

fn format_duration(took: Duration) -> String {
    let seconds = took.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0..10) => format!("{:.1} s", took.as_secs_f64()),
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
