use std::time::Duration;

use doorbell_messages::{CommitId, GitRef, JobKey, ProjectName};
use serde::{Deserialize, Serialize};

use crate::domain::row::Row;
use crate::domain::timestamp::Timestamp;

/// A ref of a project: the scope within which jobs are ordered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderScope {
    /// The project.
    pub project: ProjectName,
    /// The full ref.
    pub git_ref: String,
}

/// A place in the order of publishing, which need not be that of commits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QueuePosition {
    /// When the job's request was published.
    pub sent_at: Timestamp,
    /// The id of its message, for two of one moment.
    pub message: String,
}

/// A job in the order of its ref.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedJob {
    /// The job.
    pub key: JobKey,
    /// Its place.
    pub position: QueuePosition,
    /// The commit to build; none only where the order does not compare commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
}

/// The last job whose command ran for certain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltJob {
    /// The job.
    #[serde(flatten)]
    pub job: OrderedJob,
    /// The commits that its build was compared with: it is older than none of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<CommitId>,
}

/// The lock of a scope.
///
/// The rows are the truth and this is a lock: what it says of a job is believed only together with the job's row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderItem {
    /// Counts writes; 0 where there is no item.
    pub rev: u64,
    /// The job that may start, or has started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<OrderedJob>,
    /// See [`BuiltJob`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<BuiltJob>,
    /// Commits of jobs that ended since then, of which it is not known whether their command ran.
    ///
    /// Such a build may have been stopped before it was compared with anything. So it says nothing of the commits that
    /// it was to be compared with, and later builds are compared with it and with what was built before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maybe_built: Vec<CommitId>,
    /// The jobs that wait, by position.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<OrderedJob>,
}

/// How long an item stays after its last write: longer than any row of the scope lives.
const ORDER_RETENTION: Duration = Duration::from_secs(60 * 24 * 60 * 60);

impl OrderScope {
    /// The scope of a job.
    pub fn of(row: &Row) -> Self {
        Self::new(row.request.project.clone(), row.git_ref())
    }

    /// The scope of a project's ref.
    pub fn new(project: ProjectName, git_ref: &GitRef) -> Self {
        Self { project, git_ref: git_ref.full() }
    }
}

/// The key of the scope's item: part of the ledger's schema.
impl std::fmt::Display for OrderScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#order#{}#{}", self.project, self.git_ref)
    }
}

impl OrderedJob {
    /// The job of a row.
    pub fn of(row: &Row) -> Self {
        Self {
            key: row.key.clone(),
            position: QueuePosition { sent_at: row.message.sent_at, message: row.message.id.clone() },
            commit: row.request.commit.clone().or_else(|| row.reported_commit().cloned()),
        }
    }
}

impl OrderItem {
    /// When the ledger may delete the item, written now.
    pub fn expires_at(now: Timestamp) -> Timestamp {
        now + ORDER_RETENTION
    }
}
