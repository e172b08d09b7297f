use doorbell_messages::{BuildId, Status};
use serde::{Deserialize, Serialize};

use crate::domain::timestamp::Timestamp;

/// A build, as far as the row keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRecord {
    /// The name of the provider that runs it.
    pub provider: String,
    /// The provider's id of it.
    pub id: BuildId,
    /// Whether it still waits in the provider's own queue.
    ///
    /// A worker that does not know this field reports such a build as running.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_queued: bool,
    /// The page of its log, for people.
    pub log_url: Option<String>,
    /// Where programs read its log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogLocation>,
}

/// Where a build's log is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLocation {
    /// The log group.
    pub group: String,
    /// The stream in it.
    pub stream: String,
}

/// A named part of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildStage {
    /// Its name, as the provider has it.
    pub name: String,
    /// Its status.
    pub status: Status,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalResult {
    /// The final status.
    pub status: Status,
    /// The reason, for people.
    pub message: String,
    /// When the job became final.
    pub at: Timestamp,
    /// Whether the project's command ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_ran: Option<CommandRan>,
}

/// Whether a job's command ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommandRan {
    /// It certainly did not.
    No,
    /// It is not known.
    Maybe,
    /// It did.
    Yes,
}
