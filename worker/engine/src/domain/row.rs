use std::time::Duration;

use doorbell_messages::{BuildId, GitRef, JobKey, Request, Status};
use serde::{Deserialize, Serialize};

use crate::domain::config::{MAX_TRAIL_LENGTH, SETTLED_RETENTION};
use crate::domain::launch::Launch;
use crate::domain::notification::NotificationState;
use crate::domain::report_target::ReportTarget;
use crate::domain::timestamp::Timestamp;

/// A job as the ledger holds it: the only truth that workers share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The job.
    pub key: JobKey,
    /// Counts writes; every write is conditional on the one it follows.
    pub rev: u64,
    /// Who wrote last: unique to one write, so that a worker that lost a reply knows its own write again.
    pub writer: String,
    /// What was asked.
    pub request: Request,
    /// The SNS message that asked first.
    pub message: SourceMessage,
    /// When the row was made.
    pub received_at: Timestamp,
    /// Whether the job is to run or to end.
    pub desired: DesiredState,
    /// Where in its life the job is, and what it has only there.
    pub phase: Phase,
    /// When the phase wants to be looked at; none where nothing more can come.
    pub phase_due_at: Option<Timestamp>,
    /// Tries of what the phase waits for, since it last moved.
    pub tries: u32,
    /// What the forge was told, and when it is told next.
    pub notification: NotificationState,
    /// When nobody needs to look at the row again.
    pub settled_at: Option<Timestamp>,
    /// What is held against the row: handlings that did not come to their end, since their worker panicked or died.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub crash_score: u32,
    /// Why nobody handles the row any more until a person has looked at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<String>,
    /// What happened, for people; bounded.
    pub trail: Vec<TrailEntry>,
}

/// The SNS message behind a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceMessage {
    /// SNS's id.
    pub id: String,
    /// When it was published.
    pub sent_at: Timestamp,
}

/// What the row's owners want of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DesiredState {
    /// That it runs.
    Run,
    /// That it ends.
    Cancel,
}

/// A job's life. A field exists in the phases that have it, and in no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Phase {
    /// Keyed and durable; the policy was not read yet, or the commit is not known yet.
    Received,
    /// The policy said yes and the launch is frozen; no send of the next attempt was claimed.
    Accepted {
        /// Everything that StartBuild needs.
        launch: Box<Launch>,
        /// The number of the token that is sent next, counted from 1.
        attempt: u32,
        /// Why it waits.
        waiting: Option<String>,
    },
    /// A send was claimed: a build may or may not exist.
    Starting {
        /// Everything that StartBuild needs.
        launch: Box<Launch>,
        /// The number of the token.
        attempt: u32,
        /// When this token's first send was claimed.
        first_sent_at: Timestamp,
        /// When its latest send was claimed.
        last_sent_at: Timestamp,
        /// How many sends of it were claimed.
        start_calls: u32,
    },
    /// The build is known.
    Running {
        /// What it was started with.
        launch: Box<Launch>,
        /// The build.
        build: BuildRecord,
        /// Since when it is known.
        running_since: Timestamp,
        /// Since when the provider does not know it.
        missing_since: Option<Timestamp>,
    },
    /// The final status is known.
    Finished {
        /// What it is.
        result: FinalResult,
        /// The build, if there was one.
        build: Option<BuildRecord>,
        /// Whom to tell.
        target: Option<ReportTarget>,
    },
    /// The policy said no.
    Rejected {
        /// Why, fit for the person who asked.
        reason: String,
        /// When.
        at: Timestamp,
        /// Whom to tell.
        target: Option<ReportTarget>,
    },
}

/// A build of the provider, as far as the row keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRecord {
    /// The provider's id.
    pub id: BuildId,
    /// Its log, for people.
    pub log_url: Option<String>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalResult {
    /// A final status.
    pub status: Status,
    /// What happened, for people.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// One line of a row's trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailEntry {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub text: String,
}

impl Row {
    /// A row that was never written.
    pub fn new(key: JobKey, request: Request, message: SourceMessage, now: Timestamp) -> Self {
        Self {
            key,
            rev: 1,
            writer: String::new(),
            request,
            message,
            received_at: now,
            desired: DesiredState::Run,
            phase: Phase::Received,
            phase_due_at: Some(now),
            tries: 0,
            notification: NotificationState::default(),
            settled_at: None,
            crash_score: 0,
            quarantined: None,
            trail: Vec::new(),
        }
    }

    /// When a sweep should look at the row; none once it is settled or isolated.
    pub fn due_at(&self) -> Option<Timestamp> {
        [self.phase_due_at, self.notification.due_at].into_iter().flatten().min()
    }

    /// When the ledger may forget the row; none until it is settled.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.settled_at.map(|at| at + SETTLED_RETENTION)
    }

    /// What to build.
    pub fn git_ref(&self) -> &GitRef {
        &self.request.git_ref
    }

    /// Whom to tell, as soon as that is known.
    pub fn target(&self) -> Option<&ReportTarget> {
        match &self.phase {
            Phase::Received => None,
            Phase::Accepted { launch, .. } | Phase::Starting { launch, .. } | Phase::Running { launch, .. } => {
                launch.target.as_ref()
            }
            Phase::Finished { target, .. } | Phase::Rejected { target, .. } => target.as_ref(),
        }
    }

    /// The build, as soon as it is known.
    pub fn build(&self) -> Option<&BuildRecord> {
        match &self.phase {
            Phase::Running { build, .. } => Some(build),
            Phase::Finished { build, .. } => build.as_ref(),
            _ => None,
        }
    }

    /// What people are told of the job as it stands.
    pub fn status(&self) -> Status {
        match &self.phase {
            Phase::Received | Phase::Accepted { .. } | Phase::Starting { .. } => Status::Queued,
            Phase::Running { .. } => Status::Running,
            Phase::Finished { result, .. } => result.status,
            Phase::Rejected { .. } => Status::Rejected,
        }
    }

    /// The row as whoever wants the job to end writes it: wanted, due now, and signed. None where there is nothing to
    /// end any more, or somebody has asked for it already.
    pub fn with_cancel_requested(&self, now: Timestamp, why: &str, writer: String) -> Option<Self> {
        if self.settled_at.is_some() || self.desired == DesiredState::Cancel || self.status().is_final() {
            return None;
        }
        let mut row =
            Self { desired: DesiredState::Cancel, phase_due_at: Some(now), rev: self.rev + 1, writer, ..self.clone() };
        row.record(now, why);
        Some(row)
    }

    /// When the job ended, if it has.
    pub fn ended_at(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Finished { result, .. } => Some(result.at),
            Phase::Rejected { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// How long the job exists.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        now.running_since(self.received_at)
    }

    /// Adds to the trail; the first entry stays for ever, the oldest of the others go.
    pub(crate) fn record(&mut self, now: Timestamp, text: impl Into<String>) {
        if self.trail.len() >= MAX_TRAIL_LENGTH {
            self.trail.remove(1);
        }
        self.trail.push(TrailEntry { at: now, text: text.into() });
    }

    /// Moves to another phase: what was waited for there is over.
    pub(crate) fn enter_phase(&mut self, phase: Phase, due: Option<Timestamp>) {
        self.phase = phase;
        self.phase_due_at = due;
        self.tries = 0;
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
