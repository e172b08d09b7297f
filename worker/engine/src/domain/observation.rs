use std::sync::Arc;

use doorbell_messages::{BuildId, CommitId, GitRef, JobKey};
use doorbell_registry::BuildProjectName;

use crate::domain::notification::StatusAt;
use crate::domain::policy::Policy;
use crate::domain::provider_build::ProviderBuild;
use crate::domain::report_target::{ForgeRepository, ReportTarget};
use crate::domain::status_report::StatusReport;
use crate::domain::timestamp::Timestamp;

/// What `inject_next` decides in, besides the row and what was seen.
#[derive(Debug, Clone, Copy)]
pub struct DecisionContext {
    /// AWS's time.
    pub now: Timestamp,
    /// Whether this worker believes that the provider takes another build of the row's pool.
    pub slot_available: bool,
    /// Whether this worker may tell the row's forge something now.
    pub report_admission: Admission,
}

/// Whether one may go through to where not everybody can go at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Granted,
    /// Others are before it: soon.
    Queued,
    /// It does not work at all just now.
    Closed,
}

/// What is to be done in the world. Looks may be done by anybody at any time; sends only after the row that claims
/// them was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Look: the project's policy.
    ReadPolicy,
    /// Look: the commit that the forge has at the ref.
    ResolveRef {
        /// The policy that asked for it.
        policy: Arc<Policy>,
        /// The build project that the policy chose.
        build_project: BuildProjectName,
        /// Where.
        repository: ForgeRepository,
        /// What.
        git_ref: GitRef,
    },
    /// Look: whether the provider has a build of this job.
    QueryBuilds(BuildQuery),
    /// Look: how the build is.
    DescribeBuild(BuildId),
    /// Send: start the build.
    StartBuild {
        /// The frozen input.
        input: String,
        /// The number of the token.
        attempt: u32,
        /// The idempotency token.
        token: String,
        /// The pool that a refusal closes.
        build_project: BuildProjectName,
    },
    /// Send: stop the build, since the job is to end.
    StopBuild(BuildId),
    /// Alarm, and stop it where it still runs: a build of this job that is not the row's.
    StopDuplicate {
        /// The build.
        build: BuildId,
        /// Whether it still runs.
        is_running: bool,
    },
    /// Send: tell the forge.
    ReportStatus {
        /// Whom.
        target: ReportTarget,
        /// What.
        report: StatusReport,
        /// Which telling this is.
        claim: StatusAt,
    },
    /// Send: mark the job that a cancel request means.
    CancelJob(JobKey),
}

/// Which builds to look through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildQuery {
    /// Those of this build project,
    pub build_project: BuildProjectName,
    /// until they are older than this.
    pub not_before: Timestamp,
    /// When the look was decided.
    pub asked_at: Timestamp,
}

/// What was seen of the world, or came back from an effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// Nothing: a message or the sweep says that it is time to look.
    Due,
    /// Room for a build: of all that wait, it is this job's turn.
    SlotGranted,
    /// The answer to [`FaultAction::ReadPolicy`].
    PolicyRead(PolicyLookup),
    /// The answer to [`FaultAction::ResolveRef`].
    RefResolved {
        /// The policy that asked for it.
        policy: Arc<Policy>,
        /// The build project that the policy chose.
        build_project: BuildProjectName,
        /// What the forge has.
        resolution: RefResolution,
    },
    /// The answer to [`FaultAction::StartBuild`].
    StartAttempted {
        /// The number of the token that it is the answer to: a worker that was paused may bring the answer to one that
        /// was given up since.
        attempt: u32,
        /// What came of it.
        outcome: StartOutcome,
    },
    /// The answer to [`FaultAction::QueryBuilds`].
    BuildsListed {
        /// When the look was decided.
        asked_at: Timestamp,
        /// All builds that were looked through.
        builds: Vec<ProviderBuild>,
    },
    /// How a build is, by the provider's own word.
    BuildDescribed {
        /// The build.
        build: ProviderBuild,
        /// Whether an event claimed that it has ended.
        claims_final: bool,
    },
    /// The provider does not know the row's build.
    BuildMissing(BuildId),
    /// The answer to [`FaultAction::ReportStatus`].
    ReportAttempted {
        /// Which telling this is.
        claim: StatusAt,
        /// What came of it.
        outcome: DeliveryOutcome,
    },
    /// [`FaultAction::CancelJob`] is done.
    CancelRecorded,
    /// A look got no answer; nothing is known.
    QueryFailed(String),
}

/// What the registry says of a project.
#[derive(Debug, Clone, PartialEq)]
pub enum PolicyLookup {
    /// Its policy.
    Found(Arc<Policy>),
    /// There is no such project, and it was looked twice.
    NotRegistered,
    /// Its document can't be used.
    Invalid(String),
    /// The registry did not answer.
    Unavailable(String),
}

/// What a forge has at a ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefResolution {
    /// This commit.
    Commit(CommitId),
    /// No such ref, or no such repository: asking again can't help soon.
    Missing(String),
    /// It did not answer.
    Unavailable(String),
}

/// What came of sending StartBuild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartOutcome {
    /// A build.
    Started(ProviderBuild),
    /// Definitely none: the provider is at a limit or throttles.
    Limited(String),
    /// Definitely none: the owner has to mend something (a permission, a missing build project).
    Denied(String),
    /// Definitely none, and never one with this input.
    Invalid(String),
    /// Nobody knows: no answer, a server error, a mismatch of parameters.
    Unknown(String),
    /// It was not sent: too much time had passed since the claim.
    NotSent,
}

/// What came of telling the forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It has it.
    Delivered,
    /// It definitely does not have it; later it may take it.
    Failed {
        /// Why.
        reason: String,
        /// When it wants to be asked again, in seconds.
        retry_after: Option<u32>,
    },
    /// It could not store it: because of a parallel telling, or for ever.
    Conflict(String),
    /// Nobody knows: no answer, a server error.
    Unknown(String),
    /// It will never take it.
    Undeliverable(String),
}
