use serde::{Deserialize, Serialize};

use crate::domain::timestamp::Timestamp;

/// One event in a job's history, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailEntry {
    /// When it was recorded.
    pub at: Timestamp,
    /// What kind of event it was.
    pub kind: TrailKind,
    /// The event in words.
    pub message: String,
}

/// The kind of a trail entry.
///
/// A kind that a later version adds is read and written back unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrailKind {
    /// The policy allowed the request, and the launch was frozen.
    Accepted,
    /// The policy did not allow the request.
    Rejected,
    /// The job waits for a dependency or for a slot.
    Waiting,
    /// It is not known whether a start call made a build.
    StartUnknown,
    /// No build was found for a start whose outcome was unknown; it is started again.
    StartRepeated,
    /// The build became known.
    Started,
    /// A second build of the job was seen.
    DuplicateBuild,
    /// A cancellation was requested.
    CancelRequested,
    /// The job became final.
    Finished,
    /// A destination took a status report.
    Reported,
    /// A status report failed and is retried, or its outcome is unknown.
    ReportFailed,
    /// A status report cannot be delivered.
    ReportUndeliverable,
    /// The topic took the done event.
    DoneEventPublished,
    /// The done event failed and is retried, or was given up.
    DoneEventFailed,
    /// The job is no longer handled, since handling it crashes workers.
    Quarantined,
    /// The same request came again and asked for this job.
    Repeated,
    /// The repeat became a job of its own, since this job was refused or canceled before it.
    FollowedBy,
    /// A kind of a later version.
    #[serde(untagged)]
    Other(String),
}
