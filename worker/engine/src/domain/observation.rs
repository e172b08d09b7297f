use std::sync::Arc;

use doorbell_messages::{BuildId, CommitId, JobKey};
use doorbell_registry::BuildProjectName;

use crate::domain::done_event::PublishOutcome;
use crate::domain::hourly_count::CountOutcome;
use crate::domain::notification::StatusAt;
use crate::domain::order::TurnOutcome;
use crate::domain::policy::Policy;
use crate::domain::provider_build::ProviderBuild;
use crate::domain::timestamp::Timestamp;

/// What was observed outside, or the outcome of an effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// Nothing new: a message or the sweep says that the row is due.
    Due,
    /// This job got the next free build slot.
    SlotGranted,
    /// This job got the next permit of its forge.
    ForgePermitGranted,
    /// The result of [`Effect::ReadPolicy`](crate::domain::Effect::ReadPolicy).
    PolicyRead(PolicyLookup),
    /// The result of [`Effect::ResolveRef`](crate::domain::Effect::ResolveRef).
    RefResolved {
        /// The policy that asked for it.
        policy: Arc<Policy>,
        /// The target that the policy chose.
        build_project: BuildProjectName,
        /// What the ref resolved to.
        resolution: RefResolution,
    },
    /// The result of [`Effect::CountJob`](crate::domain::Effect::CountJob).
    JobCounted {
        /// The policy whose limit it is.
        policy: Arc<Policy>,
        /// The target that the policy chose.
        build_project: BuildProjectName,
        /// The commit to build, where it is known.
        commit: Option<CommitId>,
        /// The outcome.
        outcome: CountOutcome,
    },
    /// The job that this one waited for on its ref is over.
    TurnReleased,
    /// The result of [`Effect::TakeTurn`](crate::domain::Effect::TakeTurn).
    TurnTaken {
        /// The revision of the row that took the turn.
        rev: u64,
        /// What the turn said.
        outcome: TurnOutcome,
    },
    /// The result of [`Effect::StartBuild`](crate::domain::Effect::StartBuild).
    StartAttempted {
        /// The number of the token. A worker that was paused may bring the outcome of an abandoned one.
        attempt: u32,
        /// The outcome.
        outcome: StartOutcome,
    },
    /// The result of [`Effect::QueryBuilds`](crate::domain::Effect::QueryBuilds).
    BuildsListed {
        /// When the query was decided.
        asked_at: Timestamp,
        /// All builds that were listed.
        builds: Vec<ProviderBuild>,
    },
    /// The state of a build, as the provider describes it.
    BuildDescribed {
        /// The build.
        build: ProviderBuild,
        /// Whether an event claimed that it has ended.
        claims_final: bool,
    },
    /// The provider does not know the row's build.
    BuildMissing(BuildId),
    /// The result of [`Effect::PublishDoneEvent`](crate::domain::Effect::PublishDoneEvent).
    DoneEventSent {
        /// The claim.
        claim: Timestamp,
        /// The outcome.
        outcome: PublishOutcome,
    },
    /// The result of [`Effect::ReportStatus`](crate::domain::Effect::ReportStatus).
    ReportAttempted {
        /// The position of the destination in the row's reports.
        entry: usize,
        /// The claim of the report.
        claim: StatusAt,
        /// The outcome.
        outcome: DeliveryOutcome,
    },
    /// The result of [`Effect::PromoteRepeat`](crate::domain::Effect::PromoteRepeat).
    RepeatPromoted {
        /// The id of the repeat's message.
        message: String,
        /// The job that it became or joined; none if a cancel came after it.
        followed_by: Option<JobKey>,
    },
    /// The result of [`Effect::CancelSeries`](crate::domain::Effect::CancelSeries).
    CancelRecorded,
    /// A query got no answer; nothing is known.
    QueryFailed(String),
}

/// What the registry has for a project.
#[derive(Debug, Clone, PartialEq)]
pub enum PolicyLookup {
    /// Its policy.
    Found(Arc<Policy>),
    /// No such project, confirmed by a second read.
    NotRegistered,
    /// A document with an invalid value.
    Invalid(String),
    /// The worker has not read it yet, and calls the job when it has.
    Pending {
        /// Whether the project is known to be registered.
        is_registered: bool,
    },
    /// The registry did not answer.
    Unavailable(String),
}

/// What a ref resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefResolution {
    /// This commit.
    Commit(CommitId),
    /// No such ref or repository: asking again does not help soon.
    Missing(String),
    /// The host answered, and does not say: asking again may help.
    Unclear(String),
    /// The host did not answer, or takes no calls.
    Unavailable(String),
}

/// The outcome of a start call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartOutcome {
    /// A build.
    Started(ProviderBuild),
    /// Definitely no build: the provider has as many builds as a limit allows.
    Limited(String),
    /// Definitely no build: the provider takes calls at a lower rate.
    Throttled(String),
    /// Definitely no build: the owner has to fix a permission or a missing target.
    Denied(String),
    /// Definitely no build, and never one with this input.
    Invalid(String),
    /// Not known: no answer, a server error, a mismatch of parameters.
    Unknown(String),
    /// Not sent: too much time had passed since the claim.
    NotSent,
}

/// The outcome of a status report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The destination has it.
    Delivered,
    /// The destination definitely does not have it, and may take it later.
    Failed {
        /// Why.
        reason: String,
        /// When the destination wants the next try, in seconds.
        retry_after: Option<u32>,
    },
    /// The destination could not store it: because of a parallel report, or for ever.
    Conflict(String),
    /// Not known: no answer, a server error.
    Unknown(String),
    /// The destination will never take it.
    Undeliverable(String),
}
