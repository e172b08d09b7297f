mod cancel;
mod counted;
mod done;
mod end;
mod received;
mod repeat;
mod report;
mod running;
mod starting;
mod turn;

use doorbell_registry::AnnounceRule;

use crate::domain::config::{JobConfig, SEARCH_INTERVAL};
use crate::domain::effect::{BuildQuery, DecisionContext, Effect};
use crate::domain::observation::Observation;
use crate::domain::phase::Phase;
use crate::domain::row::{DesiredState, Row};
use crate::domain::timestamp::Timestamp;

/// What was decided: the next row, and the effects that follow its write.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The row to write.
    pub row: Row,
    /// Whether it differs from the one that came in.
    pub changed: bool,
    /// The effects to execute once it is written, in this order.
    pub effects: Vec<Effect>,
}

/// Decides what a row becomes after an observation, and which effects follow.
///
/// Pure and total: each row can meet each observation, in any order and any number of times. An observation that does
/// not concern the row leaves it unchanged.
pub fn next(row: Row, observation: Observation, context: DecisionContext, config: &JobConfig) -> Decision {
    if row.quarantined.is_some() {
        return Decision { row, changed: false, effects: Vec::new() };
    }
    let before = row.clone();
    let mut transition = Transition { row, effects: Vec::new(), context, now: context.now, config, announce: None };
    transition.apply(observation);
    let done_event = done::claim_done_event(&mut transition.row, context, config);
    transition.effects.extend(done_event);
    let report = report::claim_due_report(&mut transition.row, context, config);
    transition.effects.extend(report);
    Decision { changed: transition.row != before, row: transition.row, effects: transition.effects }
}

/// One evaluation: the row as it changes, and the effects so far.
struct Transition<'a> {
    row: Row,
    effects: Vec<Effect>,
    context: DecisionContext,
    now: Timestamp,
    config: &'a JobConfig,
    /// Which jobs the project announces, where this observation has shown its policy.
    announce: Option<AnnounceRule>,
}

impl Transition<'_> {
    fn apply(&mut self, observation: Observation) {
        match observation {
            Observation::Due => self.on_due(),
            // Only an accepted job waits for a slot or a turn; in any other phase this changes nothing.
            Observation::SlotGranted | Observation::TurnReleased => self.try_start(),
            Observation::TurnTaken { rev, outcome } => self.on_turn_taken(rev, outcome),
            Observation::ForgePermitGranted => self.on_forge_permit_granted(),
            Observation::PolicyRead(policy) => self.on_policy_read(policy),
            Observation::RefResolved { policy, build_project, resolution } => {
                self.on_ref_resolved(&policy, &build_project, resolution)
            }
            Observation::JobCounted { policy, build_project, commit, outcome } => {
                self.on_job_counted(&policy, &build_project, commit, outcome);
            }
            Observation::StartAttempted { attempt, outcome } => self.on_start_attempted(attempt, outcome),
            Observation::BuildsListed { asked_at, builds } => self.on_builds_listed(asked_at, builds),
            Observation::BuildDescribed { build, claims_final } => self.on_build_described(&build, claims_final),
            Observation::BuildMissing(build) => self.on_build_missing(&build),
            Observation::ReportAttempted { entry, claim, outcome } => {
                report::on_delivery_result(&mut self.row, entry, claim, outcome, self.now)
            }
            Observation::DoneEventSent { claim, outcome } => {
                done::on_done_event_sent(&mut self.row, claim, outcome, self.now, self.config)
            }
            Observation::RepeatPromoted { message, followed_by } => self.on_repeat_promoted(&message, followed_by),
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
            // A job that shall end starts nothing: if the call in doubt started a build, the query finds it.
            Phase::Starting { first_sent_at, .. }
                if self.row.desired == DesiredState::Run
                    && self.now.duration_since(*first_sent_at) < self.config.provider.token_reuse_window =>
            {
                self.resend_start();
            }
            Phase::Starting { launch, first_sent_at, .. } => self.effects.push(Effect::QueryBuilds(BuildQuery {
                target: launch.target.clone(),
                not_before: *first_sent_at - self.config.provider.lookback,
                asked_at: self.now,
            })),
            Phase::Running { build, .. } => {
                let build = build.id.clone();
                self.poll_build(build);
            }
            Phase::Finished { .. } | Phase::Rejected { .. } => {
                self.row.phase_due_at = None;
                self.promote_or_drop_repeat();
            }
        }
    }

    fn on_query_failed(&mut self, reason: &str) {
        match &self.row.phase {
            Phase::Received => self.wait_for_dependency("target job", reason),
            Phase::Starting { .. } => self.row.phase_due_at = Some(self.now + SEARCH_INTERVAL),
            Phase::Running { running_since, .. } => {
                self.row.phase_due_at =
                    Some(self.now + self.config.poll_interval(self.now.duration_since(*running_since)));
            }
            Phase::Accepted { .. } | Phase::Finished { .. } | Phase::Rejected { .. } => {}
        }
    }
}
