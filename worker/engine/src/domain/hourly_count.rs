use std::fmt;
use std::time::Duration;

use doorbell_messages::ProjectName;
use sha2::{Digest, Sha256};

use crate::domain::row::Row;
use crate::domain::timestamp::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);

/// How long an hour's count is kept after its end: longer than a job waits before it is counted.
const RETENTION: Duration = Duration::from_secs(4 * 24 * 3600);

/// One job in the count of its project's hour.
///
/// The hour is the one in which the job was received, so that a job counts in one hour, however often a worker counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourlyCount {
    /// The project.
    pub project: ProjectName,
    /// The hour's beginning.
    pub hour: Timestamp,
    /// The job: a part of its key's hash, so that the count of a thousand jobs stays small.
    pub job: String,
}

/// What came of counting a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CountOutcome {
    /// It is among the hour's jobs, by this call or by an earlier one.
    Counted,
    /// The hour has as many jobs as it may, and this is none of them.
    LimitReached,
    /// The ledger did not answer: the job may be counted or not.
    Failed(String),
}

impl HourlyCount {
    /// The count of a row.
    pub fn of(row: &Row) -> Self {
        let millis = row.received_at.as_millis();
        let hour = Timestamp::from_millis(millis - millis.rem_euclid(3_600_000));
        let digest = Sha256::digest(row.key.as_str().as_bytes());
        let job = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { project: row.request.project.clone(), hour, job }
    }

    /// When the next hour begins.
    pub fn next_hour(&self) -> Timestamp {
        self.hour + HOUR
    }

    /// When the ledger may delete the hour's count.
    pub fn expires_at(&self) -> Timestamp {
        self.next_hour() + RETENTION
    }
}

/// The key of the hour's item. No job's key begins like this.
impl fmt::Display for HourlyCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#hour#{}#{}", self.project, self.hour)
    }
}
