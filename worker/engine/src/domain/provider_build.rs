use std::time::Duration;

use doorbell_messages::text::{MAX_LINE_CHARS, sanitize_line};
use doorbell_messages::{BuildId, RunnerExit, Status};

use crate::domain::timestamp::Timestamp;

/// A build as the provider describes it: the only source that a final status is ever told from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderBuild {
    /// Its id.
    pub id: BuildId,
    /// Its number in the build project; lower is earlier.
    pub number: Option<i64>,
    /// `DOORBELL_JOB_ID` of its environment.
    pub job_id: Option<String>,
    /// Who started it.
    pub initiator: Option<String>,
    /// Whether it has ended.
    pub complete: bool,
    /// The provider's word for how it is.
    pub status: String,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its log, for people.
    pub log_url: Option<String>,
    /// The first phase that did not succeed.
    pub failed_stage: Option<FailedStage>,
}

/// A phase of a build that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedStage {
    /// Its name, as `BUILD`.
    pub name: String,
    /// The provider's words about it.
    pub message: String,
}

impl ProviderBuild {
    /// The final status and a text about it; none while the build runs. An unknown status is not final until the
    /// provider says that the build is complete.
    pub fn final_status(&self) -> Option<(Status, String)> {
        if !self.complete {
            return None;
        }
        let after = self.duration().map_or(String::new(), |took| format!(" after {}", format_duration(took)));
        Some(match self.status.as_str() {
            "SUCCEEDED" => (Status::Success, format!("passed{after}")),
            "FAILED" => self.failure(&after),
            "STOPPED" => (Status::Canceled, format!("stopped{after}")),
            "TIMED_OUT" => (Status::Error, format!("the provider ended the build at its time limit{after}")),
            "FAULT" => (Status::Error, format!("the provider failed{after}{}", self.stage_message())),
            other => (
                Status::Error,
                format!("the build ended{after} with a status that is unknown here: {}", one_line(other)),
            ),
        })
    }

    fn failure(&self, after: &str) -> (Status, String) {
        let code = self
            .failed_stage
            .as_ref()
            .filter(|phase| phase.name == "BUILD")
            .and_then(|phase| exit_code(&phase.message));
        match code {
            Some(code) => match RunnerExit::from_code(code) {
                Some(exit) => (Status::Error, format!("{}{after} (runner code {code})", exit.meaning())),
                // A newer runner's, never the command's.
                None if is_reserved(code) => {
                    (Status::Error, format!("the runner failed{after} (runner code {code}, which is unknown here)"))
                }
                None => (Status::Failure, format!("the command exited with {code}{after}")),
            },
            None => (Status::Error, format!("the build failed outside the command{after}{}", self.stage_message())),
        }
    }

    fn stage_message(&self) -> String {
        match &self.failed_stage {
            Some(phase) => format!(": {}: {}", one_line(&phase.name), one_line(&phase.message)),
            None => String::new(),
        }
    }

    fn duration(&self) -> Option<Duration> {
        Some(self.ended_at?.running_since(self.started_at?))
    }
}

fn is_reserved(code: i32) -> bool {
    u8::try_from(code).is_ok_and(|code| RunnerExit::RESERVED.contains(&code))
}

/// CodeBuild shows a command's exit code nowhere but at the end of a phase's message: `… exit status 3`.
fn exit_code(message: &str) -> Option<i32> {
    let (_, rest) = message.rsplit_once("exit status ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
    digits.parse().ok()
}

/// Foreign text for a flag or a trail: one short line, in which nothing turns the reading direction.
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
