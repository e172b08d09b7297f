use std::sync::Arc;

use doorbell_messages::{BuildId, CommitId, DoneEvent, GitRef, JobKey};
use doorbell_registry::{BuildProjectName, OrderRule};

use crate::domain::intake::IncomingRequest;
use crate::domain::launch::LaunchSpec;
use crate::domain::notification::StatusAt;
use crate::domain::policy::Policy;
use crate::domain::report_target::{ForgeRepository, ReportTarget};
use crate::domain::status_report::StatusReport;
use crate::domain::timestamp::Timestamp;

/// The circumstances of a decision, besides the row and the observation.
#[derive(Debug, Clone, Copy)]
pub struct DecisionContext {
    /// The trusted time.
    pub now: Timestamp,
    /// Whether the provider may take another build of the row's target, as far as this worker knows.
    pub slot_available: bool,
    /// Whether this worker may call the row's forge now: for a lookup or a report.
    pub forge_admission: Admission,
    /// Whether this worker may publish to the topic of done events now.
    pub topic_admission: Admission,
}

/// Whether a call to a limited destination is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may be made now.
    Granted,
    /// Other jobs wait before it.
    Queued,
    /// The destination takes no calls at present.
    Closed,
}

/// What the shell executes after the row was written.
///
/// Queries may be repeated by any worker at any time. Calls that change something are made only after the write that
/// claims them.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Query: read the project's policy.
    ReadPolicy,
    /// Query: resolve the ref to a commit.
    ResolveRef {
        /// The policy that asked for it.
        policy: Arc<Policy>,
        /// The target that the policy chose.
        build_project: BuildProjectName,
        /// The repository to ask.
        repository: ForgeRepository,
        /// The ref.
        git_ref: GitRef,
    },
    /// Call: count the job among those of its project's hour. It may be repeated: a job counts once.
    CountJob {
        /// The policy whose limit it is.
        policy: Arc<Policy>,
        /// The target that the policy chose.
        build_project: BuildProjectName,
        /// The commit to build, where it is known.
        commit: Option<CommitId>,
        /// The limit.
        max_jobs: u32,
    },
    /// Query: whether the provider has a build of this job.
    QueryBuilds(BuildQuery),
    /// Query: the state of the build.
    DescribeBuild(BuildId),
    /// Call: take the turn of this job on its ref.
    TakeTurn,
    /// Call: pass the ref on, since this job is over. The order of the ref's jobs is the one of its launch.
    ReleaseTurn(OrderRule),
    /// Call: start the build.
    StartBuild {
        /// The frozen input.
        spec: LaunchSpec,
        /// The number of the token.
        attempt: u32,
        /// The start token.
        token: String,
    },
    /// Call: stop the build, since the job shall end.
    StopBuild(BuildId),
    /// Call: raise an alarm for a build of this job that is not the row's, and stop it.
    StopDuplicate {
        /// The build.
        build: BuildId,
        /// Whether it still runs.
        is_running: bool,
    },
    /// Call: report a status.
    ReportStatus {
        /// The position of the destination in the row's reports.
        entry: usize,
        /// The destination.
        target: ReportTarget,
        /// The report.
        report: StatusReport,
        /// The claim of this report.
        claim: StatusAt,
    },
    /// Call: publish the done event.
    PublishDoneEvent {
        /// The event.
        event: Box<DoneEvent>,
        /// The claim of this call.
        claim: Timestamp,
    },
    /// Call: make the repeat of this job a job of its own.
    PromoteRepeat(Box<IncomingRequest>),
    /// Call: record a cancellation in the rows of a series' jobs.
    CancelSeries(JobKey),
}

/// Which builds to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildQuery {
    /// The target whose builds are listed.
    pub target: BuildProjectName,
    /// Builds older than this need not be listed.
    pub not_before: Timestamp,
    /// When the query was decided.
    pub asked_at: Timestamp,
}
