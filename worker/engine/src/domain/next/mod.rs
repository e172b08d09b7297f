mod cancel;
mod received;
mod running;
mod starting;

use doorbell_messages::Status;

use crate::domain::config::{JobConfig, SEARCH_INTERVAL, SEARCH_LOOKBACK, TOKEN_REUSE_WINDOW};
use crate::domain::notification;
use crate::domain::observation::{BuildQuery, DecisionContext, Effect, Observation};
use crate::domain::report_target::ReportTarget;
use crate::domain::row::{BuildRecord, DesiredState, FinalResult, Phase, Row};
use crate::domain::timestamp::Timestamp;

/// What a row becomes, and what is to be done then.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The row as it is to be written.
    pub row: Row,
    /// Whether it differs from the one that came in.
    pub changed: bool,
    /// What to do once it is written, in this order.
    pub effects: Vec<Effect>,
}

/// The one decision of the system. Pure and total: every row can meet everything that can be seen, in any order and
/// any number of times, and what does not concern it leaves it as it is.
pub fn next(row: Row, observation: Observation, context: DecisionContext, config: &JobConfig) -> Decision {
    if row.quarantined.is_some() {
        return Decision { row, changed: false, effects: Vec::new() };
    }
    let before = row.clone();
    let mut transition =
        Transition { row, effects: Vec::new(), now: context.now, slot_available: context.slot_available, config };
    transition.apply(observation);
    let report = notification::claim_due_report(&mut transition.row, context, config);
    transition.effects.extend(report);
    Decision { changed: transition.row != before, row: transition.row, effects: transition.effects }
}

/// A row while it is decided on.
struct Transition<'a> {
    row: Row,
    effects: Vec<Effect>,
    now: Timestamp,
    slot_available: bool,
    config: &'a JobConfig,
}

impl Transition<'_> {
    fn apply(&mut self, observation: Observation) {
        match observation {
            Observation::Due => self.on_due(),
            // Whatever it was told to wait for, its time has come; in any other phase it has nothing to wait for.
            Observation::SlotGranted => self.try_start(),
            Observation::PolicyRead(policy) => self.on_policy_read(policy),
            Observation::RefResolved { policy, build_project, resolution: head } => {
                self.on_ref_resolved(&policy, &build_project, head)
            }
            Observation::StartAttempted { attempt, outcome: answer } => self.on_start_attempted(attempt, answer),
            Observation::BuildsListed { asked_at, builds } => self.on_builds_listed(asked_at, builds),
            Observation::BuildDescribed { build, claims_final } => self.on_build_described(&build, claims_final),
            Observation::BuildMissing(build) => self.on_build_missing(&build),
            Observation::ReportAttempted { claim: claimed, outcome } => {
                notification::on_delivery_result(&mut self.row, claimed, outcome, self.now)
            }
            Observation::CancelRecorded => self.on_cancel_recorded(),
            Observation::QueryFailed(reason) => self.on_query_failed(&reason),
        }
    }

    fn on_due(&mut self) {
        if self.row.phase_due_at.is_none_or(|due| due > self.now) {
            return;
        }
        match &self.row.phase {
            Phase::Received => self.effects.push(Effect::ReadPolicy),
            Phase::Accepted { .. } => self.try_start(),
            // A job that is to end sends nothing any more: if the send in doubt started a build, the look finds it.
            Phase::Starting { first_sent_at, .. }
                if self.row.desired == DesiredState::Run
                    && self.now.running_since(*first_sent_at) < TOKEN_REUSE_WINDOW =>
            {
                self.resend_start();
            }
            Phase::Starting { launch, first_sent_at, .. } => self.effects.push(Effect::QueryBuilds(BuildQuery {
                build_project: launch.build_project.clone(),
                not_before: *first_sent_at - SEARCH_LOOKBACK,
                asked_at: self.now,
            })),
            Phase::Running { build, .. } => {
                let build = build.id.clone();
                self.poll_build(build);
            }
            Phase::Finished { .. } | Phase::Rejected { .. } => self.row.phase_due_at = None,
        }
    }

    fn on_query_failed(&mut self, reason: &str) {
        match &self.row.phase {
            Phase::Received => self.wait_for_dependency("another job's row", reason),
            Phase::Starting { .. } => self.row.phase_due_at = Some(self.now + SEARCH_INTERVAL),
            Phase::Running { running_since, .. } => {
                self.row.phase_due_at =
                    Some(self.now + self.config.poll_interval(self.now.running_since(*running_since)));
            }
            Phase::Accepted { .. } | Phase::Finished { .. } | Phase::Rejected { .. } => {}
        }
    }

    fn finish(&mut self, status: Status, message: String, build: Option<BuildRecord>, target: Option<ReportTarget>) {
        self.row.record(self.now, format!("{status}: {message}"));
        self.row.notification.reset_retries();
        self.row.enter_phase(
            Phase::Finished { result: FinalResult { status, message, at: self.now }, build, target },
            None,
        );
    }
}
