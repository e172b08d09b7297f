use std::time::Duration;

use doorbell_messages::{CommitId, GitRef, JobKey, Request, Status};
use doorbell_registry::OrderRule;
use serde::{Deserialize, Serialize};

use crate::domain::build_record::{BuildRecord, BuildStage, CommandRan};
use crate::domain::config::{MAX_TRAIL_LENGTH, SERIES_RETENTION, SETTLED_RETENTION};
use crate::domain::done_event::DoneEventState;
use crate::domain::launch::Launch;
use crate::domain::notification::ReportEntry;
use crate::domain::phase::Phase;
use crate::domain::series::{RepeatRequest, SeriesEntry, SourceMessage};
use crate::domain::timestamp::Timestamp;
use crate::domain::trail::{TrailEntry, TrailKind};

/// A job as the ledger holds it: the only truth that workers share.
///
/// Its JSON is row schema 1, which is frozen: `worker/engine/fixtures/row/v1` has a file for each phase. Each writer
/// carries all fields through, also those that it does not use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The job.
    pub key: JobKey,
    /// Counts writes. Each write is conditional on the one before it.
    pub rev: u64,
    /// A nonce of the last write, by which a worker that lost a reply recognizes its own write.
    pub writer: String,
    /// What was asked.
    pub request: Request,
    /// The message that asked first.
    pub message: SourceMessage,
    /// When the row was made.
    pub received_at: Timestamp,
    /// Later jobs of the series. Only in the row of the series' first job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<SeriesEntry>,
    /// A repeat of the request that decides what follows if this job ends as refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<RepeatRequest>,
    /// The job that followed this one, made of its repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed_by: Option<JobKey>,
    /// Whether the job shall run or end.
    pub desired: DesiredState,
    /// When the cancel was published that asked this job to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled_at: Option<Timestamp>,
    /// When the youngest cancel of the whole series was published. Only in the row of the series' first job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series_canceled_at: Option<Timestamp>,
    /// The start that the provider denied, while the job is received once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied_start: Option<Box<DeniedStart>>,
    /// Where in its life the job is, with the fields of that phase.
    pub phase: Phase,
    /// When the phase is due; none where nothing more can come.
    pub phase_due_at: Option<Timestamp>,
    /// Tries of what the phase waits for, since it last changed.
    pub tries: u32,
    /// The build's stages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<BuildStage>,
    /// The destinations of status reports. Entries are never removed or reordered.
    pub reports: Vec<ReportEntry>,
    /// The done event, from the end of a job that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_event: Option<DoneEventState>,
    /// Whether the outcome of a start call was never learnt: a build may exist that no search found.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub start_in_doubt: bool,
    /// When the row was settled: since then nothing is left to do.
    pub settled_at: Option<Timestamp>,
    /// How often handling the job crashed or panicked its worker, weighted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub crash_score: u32,
    /// Why the job is not handled until an operator has examined it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<String>,
    /// The job's history, for people; bounded.
    pub trail: Vec<TrailEntry>,
}

/// A start that the provider denied for certain: no build of it exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeniedStart {
    /// What the call was made with.
    pub launch: Box<Launch>,
    /// The number of the start token, which is used up.
    pub attempt: u32,
    /// How often the job's start was refused so far.
    pub tries: u32,
    /// The provider's reason.
    pub reason: String,
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

impl Row {
    /// The newest schema of rows that this version reads.
    pub const MAX_SCHEMA: u32 = 3;

    /// The schema of the row as it is.
    ///
    /// A worker of schema 1 would start a job of an order without a turn, and one of schema 2 would forget a done event: they
    /// must not write such a row.
    pub fn schema(&self) -> u32 {
        if self.will_announce() {
            return 3;
        }
        if self.order().is_parallel() { 1 } else { 2 }
    }

    /// Whether the done event is still to be published.
    pub(crate) fn owes_done_event(&self) -> bool {
        self.done_event.as_ref().is_some_and(DoneEventState::is_owed)
    }

    /// Whether a done event follows, or is owed.
    fn will_announce(&self) -> bool {
        self.owes_done_event() || self.frozen_launch().is_some_and(|launch| launch.announces)
    }

    /// The launch, also that of a start which was denied.
    fn frozen_launch(&self) -> Option<&Launch> {
        self.launch().or(self.denied_start.as_ref().map(|denied| &*denied.launch))
    }

    /// The order of the row's ref, as the launch froze it.
    pub(crate) fn order(&self) -> OrderRule {
        self.frozen_launch().map(|launch| launch.order).unwrap_or_default()
    }

    /// A row that was never written.
    pub fn new(key: JobKey, request: Request, message: SourceMessage, now: Timestamp) -> Self {
        Self {
            key,
            rev: 1,
            writer: String::new(),
            request,
            message,
            received_at: now,
            series: Vec::new(),
            repeat: None,
            followed_by: None,
            desired: DesiredState::Run,
            canceled_at: None,
            series_canceled_at: None,
            denied_start: None,
            phase: Phase::Received,
            phase_due_at: Some(now),
            tries: 0,
            stages: Vec::new(),
            reports: Vec::new(),
            done_event: None,
            start_in_doubt: false,
            settled_at: None,
            crash_score: 0,
            quarantined: None,
            trail: Vec::new(),
        }
    }

    /// When the ledger may delete the row; none until it is settled.
    ///
    /// The first row of a series outlives the later jobs that it lists.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let settled = self.settled_at?;
        let youngest = self.series.iter().map(|entry| entry.sent_at + SERIES_RETENTION).max();
        Some((settled + SETTLED_RETENTION).max(youngest.unwrap_or(settled)))
    }

    /// The ref to build.
    pub fn git_ref(&self) -> &GitRef {
        &self.request.git_ref
    }

    /// The launch, in the phases that have one.
    pub fn launch(&self) -> Option<&Launch> {
        match &self.phase {
            Phase::Accepted { launch, .. } | Phase::Starting { launch, .. } | Phase::Running { launch, .. } => {
                Some(launch)
            }
            Phase::Received | Phase::Finished { .. } | Phase::Rejected { .. } => None,
        }
    }

    /// The commit that is reported on, once a destination is known.
    pub fn reported_commit(&self) -> Option<&CommitId> {
        self.reports.first().map(|entry| &entry.target.commit)
    }

    /// Whether the job is over: finished or rejected.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Finished { .. } | Phase::Rejected { .. })
    }

    /// Whether the job was refused: rejected, or over without having been canceled, and its command never ran.
    ///
    /// What is in doubt is no refusal.
    pub fn is_refused(&self) -> bool {
        match &self.phase {
            Phase::Rejected { .. } => true,
            Phase::Finished { result, .. } => {
                result.status != Status::Canceled && result.command_ran == Some(CommandRan::No)
            }
            _ => false,
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

    /// The job's status.
    pub fn status(&self) -> Status {
        match &self.phase {
            Phase::Received | Phase::Accepted { .. } | Phase::Starting { .. } => Status::Queued,
            Phase::Running { build, .. } if build.is_queued => Status::Queued,
            Phase::Running { .. } => Status::Running,
            Phase::Finished { result, .. } => result.status,
            Phase::Rejected { .. } => Status::Rejected,
        }
    }

    /// When the job ended, if it has.
    pub fn ended_at(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Finished { result, .. } => Some(result.at),
            Phase::Rejected { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// How long the job has existed.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        now.duration_since(self.received_at)
    }

    /// Adds a trail entry. The first entry is kept for ever; of the others the oldest is removed.
    pub(crate) fn record(&mut self, now: Timestamp, kind: TrailKind, message: impl Into<String>) {
        if self.trail.len() >= MAX_TRAIL_LENGTH {
            self.trail.remove(1);
        }
        self.trail.push(TrailEntry { at: now, kind, message: message.into() });
    }

    /// Lets the reports of a new status be sent at once.
    pub(crate) fn reset_report_retries(&mut self) {
        self.reports.iter_mut().for_each(|entry| entry.notification.reset_retries());
    }

    /// Enters another phase: what was waited for before is over.
    pub(crate) fn enter_phase(&mut self, phase: Phase, due: Option<Timestamp>) {
        self.phase = phase;
        self.phase_due_at = due;
        self.tries = 0;
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
