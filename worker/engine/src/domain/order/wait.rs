use doorbell_messages::JobKey;
use serde::{Deserialize, Serialize};

/// What a job waits for on its ref.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnWait {
    /// This job, which comes before it.
    Behind(JobKey),
    /// Its turn, which is the next one.
    Next,
    /// Room among the jobs that wait.
    Full,
}

impl std::fmt::Display for TurnWait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Behind(job) => write!(f, "waits for {job} on the same ref"),
            Self::Next => f.write_str("waits for its turn on the same ref"),
            Self::Full => f.write_str("too many jobs wait on the same ref"),
        }
    }
}
