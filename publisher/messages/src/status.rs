use serde::{Deserialize, Serialize};

/// The status of a job, as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Accepted, and no build runs yet.
    Queued,
    /// A build runs.
    Running,
    /// The command exited with 0.
    Success,
    /// The command exited with another code.
    Failure,
    /// No result of the command: checkout, timeout, provider or settings failed.
    Error,
    /// Stopped on request.
    Canceled,
    /// The owner's policy rejected the request.
    Rejected,
}

impl Status {
    /// Whether nothing follows this status.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// The word in rows, logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
            Self::Canceled => "canceled",
            Self::Rejected => "rejected",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
