use jiff::Timestamp;
use serde::Serialize;

/// The phases of a build, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum PhaseKind {
    Submitted,
    Queued,
    Provisioning,
    DownloadSource,
    Install,
    PreBuild,
    Build,
    PostBuild,
    UploadArtifacts,
    Finalizing,
    Completed,
}

impl PhaseKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::Queued => "QUEUED",
            Self::Provisioning => "PROVISIONING",
            Self::DownloadSource => "DOWNLOAD_SOURCE",
            Self::Install => "INSTALL",
            Self::PreBuild => "PRE_BUILD",
            Self::Build => "BUILD",
            Self::PostBuild => "POST_BUILD",
            Self::UploadArtifacts => "UPLOAD_ARTIFACTS",
            Self::Finalizing => "FINALIZING",
            Self::Completed => "COMPLETED",
        }
    }
}

/// How a phase ended; all but the last are also how a build ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum PhaseStatus {
    Succeeded,
    Failed,
    Fault,
    TimedOut,
    Stopped,
    ClientError,
}

impl PhaseStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Fault => "FAULT",
            Self::TimedOut => "TIMED_OUT",
            Self::Stopped => "STOPPED",
            Self::ClientError => "CLIENT_ERROR",
        }
    }

    /// The status of a build whose first phase that did not succeed has this status.
    pub(super) fn as_build_status(self) -> &'static str {
        match self {
            Self::ClientError => Self::Failed.as_str(),
            status => status.as_str(),
        }
    }
}

/// Why a phase ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PhaseContext {
    pub(super) status_code: String,
    pub(super) message: String,
}

impl PhaseContext {
    pub(super) fn new(status_code: &str, message: impl Into<String>) -> Self {
        Self { status_code: status_code.to_owned(), message: message.into() }
    }
}

/// The failure that ended a phase early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PhaseFailure {
    pub(super) status: PhaseStatus,
    pub(super) context: PhaseContext,
}

impl PhaseFailure {
    pub(super) fn new(status: PhaseStatus, context: PhaseContext) -> Self {
        Self { status, context }
    }
}

/// A started phase, and its end if it has one.
#[derive(Debug, Clone)]
pub(super) struct BuildPhase {
    pub(super) kind: PhaseKind,
    pub(super) started: Timestamp,
    pub(super) ended: Option<PhaseEnd>,
}

#[derive(Debug, Clone)]
pub(super) struct PhaseEnd {
    pub(super) at: Timestamp,
    pub(super) status: PhaseStatus,
    pub(super) context: Option<PhaseContext>,
}

impl PhaseEnd {
    /// Whole seconds, as CodeBuild counts.
    pub(super) fn seconds_since(&self, started: Timestamp) -> i64 {
        self.at.duration_since(started).as_secs().max(0)
    }
}
