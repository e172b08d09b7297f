//! What becomes of the effects that a decision asks for: done, done without an answer, done late, or not done.

use std::time::Duration;

use doorbell_messages::Status;

use super::model::{DelayedCall, Model};
use super::transitions::TransitionBuilder;
use super::worker_model::{PendingEffects, WorkerState, known_policy};
use crate::domain::{
    BuildQuery, DeliveryOutcome, Effect, Observation, PolicyLookup, Receipt, SEND_DEADLINE, StartOutcome, StatusAt,
};

/// A build may be missing from the listing for so long.
const MAX_LISTING_LAG: Duration = Duration::from_secs(15 * 60);

/// A start that its sender waits for no more is made within this, or never.
const MAX_START_DELAY: Duration = Duration::from_secs(30);

/// The same for a flag; a slow forge takes its time.
const MAX_FLAG_DELAY: Duration = Duration::from_secs(120);

const NO_ANSWER: &str = "no answer";

impl TransitionBuilder<'_> {
    /// The first pending effect.
    pub(super) fn effect_steps(&mut self, worker: usize, pending: &PendingEffects) {
        let Some(effect) = pending.effects.front() else { return };
        match &**effect {
            Effect::StartBuild { attempt, token, .. } => self.start_steps(worker, pending, *attempt, token),
            Effect::ReportStatus { report, claim, .. } => self.report_steps(worker, pending, report.status, *claim),
            Effect::QueryBuilds(search) => self.query_steps(worker, pending, search),
            Effect::DescribeBuild(_) => {
                self.query_step("describes the build", worker, pending, |model| Observation::BuildDescribed {
                    build: model.build(),
                    claims_final: false,
                });
                self.query_fails(worker, pending);
            }
            Effect::ReadPolicy => {
                self.query_step("reads the policy", worker, pending, |_| known_policy());
                self.fault_step("the registry is down", worker, |model| {
                    let down = PolicyLookup::Unavailable("down".to_owned());
                    pending.clone().observe(Observation::PolicyRead(down), model.kept(worker), model.now)
                });
            }
            Effect::ResolveRef { .. }
            | Effect::CountJob { .. }
            | Effect::StopBuild(_)
            | Effect::StopDuplicate { .. }
            | Effect::TakeTurn
            | Effect::ReleaseTurn(_)
            | Effect::PublishDoneEvent { .. }
            | Effect::PromoteRepeat(_)
            | Effect::CancelSeries(_) => {
                self.push("an effect", |model| model.violation = Some("an effect that nothing here asks for"));
            }
        }
    }

    fn start_steps(&mut self, worker: usize, pending: &PendingEffects, attempt: u32, token: &str) {
        let sent = |model: &Model, answer| {
            let started = Observation::StartAttempted { attempt, outcome: answer };
            pending.clone().observe(started, model.kept(worker), model.now)
        };
        let unknown = |model: &Model| sent(model, StartOutcome::Unknown(NO_ANSWER.to_owned()));
        if self.from.now.duration_since(pending.decided_at) > SEND_DEADLINE {
            return self.worker_step("leaves a start: too late", worker, |model| sent(model, StartOutcome::NotSent));
        }
        self.worker_step("starts the build", worker, |model| {
            model.start_build(token);
            sent(model, StartOutcome::Started(model.build()))
        });
        self.fault_step("starts the build and dies", worker, |model| {
            model.start_build(token);
            WorkerState::Idle
        });
        self.fault_step("starts the build and hears nothing", worker, |model| {
            model.start_build(token);
            unknown(model)
        });
        self.fault_step("a start is lost", worker, |model| unknown(model));
        if self.from.delayed.is_none() {
            self.fault_step("a start is slow on its way", worker, |model| {
                model.delayed =
                    Some(DelayedCall::Start { token: token.to_owned(), until: model.now + MAX_START_DELAY });
                unknown(model)
            });
        }
        self.fault_step("a start is refused at a limit", worker, |model| {
            sent(model, StartOutcome::Limited("full".to_owned()))
        });
    }

    fn report_steps(&mut self, worker: usize, pending: &PendingEffects, status: Status, claim: StatusAt) {
        let attempted = |model: &Model, outcome| {
            let reported = Observation::ReportAttempted { entry: 0, claim, outcome };
            pending.clone().observe(reported, model.kept(worker), model.now)
        };
        let unknown = |model: &Model| attempted(model, DeliveryOutcome::Unknown(NO_ANSWER.to_owned()));
        let refused = |model: &Model| {
            attempted(model, DeliveryOutcome::Failed { reason: NO_ANSWER.to_owned(), retry_after: None })
        };
        if self.from.now.duration_since(pending.decided_at) > SEND_DEADLINE {
            return self.worker_step("leaves a flag: too late", worker, |model| refused(model));
        }
        self.worker_step("tells the forge", worker, |model| {
            model.report_status(status);
            attempted(model, DeliveryOutcome::Delivered)
        });
        if !status.is_final() {
            self.worker_step("tells the forge and keeps the receipt", worker, |model| {
                model.report_status(status);
                model.workers[worker].kept = Some(Receipt { entry: 0, claim, delivered_at: model.now });
                pending.clone().leave(model.kept(worker), model.now)
            });
        }
        self.fault_step("tells the forge and dies", worker, |model| {
            model.report_status(status);
            WorkerState::Idle
        });
        self.fault_step("tells the forge and hears nothing", worker, |model| {
            model.report_status(status);
            unknown(model)
        });
        self.fault_step("a flag is lost", worker, |model| unknown(model));
        if self.from.delayed.is_none() {
            self.fault_step("a flag is slow on its way", worker, |model| {
                model.send_status(status);
                model.delayed = Some(DelayedCall::Flag { status, until: model.now + MAX_FLAG_DELAY });
                unknown(model)
            });
        }
        self.fault_step("a flag is not taken", worker, |model| refused(model));
    }

    fn query_steps(&mut self, worker: usize, pending: &PendingEffects, search: &BuildQuery) {
        let found = |builds| Observation::BuildsListed { asked_at: search.asked_at, builds };
        let build = self.from.builds.first();
        if build.is_some() {
            self.query_step("finds the build", worker, pending, |model| found(vec![model.build()]));
        }
        if build.is_none_or(|build| self.from.now.duration_since(build.at) < MAX_LISTING_LAG) {
            self.query_step("finds no build", worker, pending, |_| found(Vec::new()));
        }
        self.query_fails(worker, pending);
    }

    fn query_step(
        &mut self,
        what: &'static str,
        worker: usize,
        pending: &PendingEffects,
        see: impl FnOnce(&Model) -> Observation,
    ) {
        self.worker_step(what, worker, |model| pending.clone().observe(see(model), model.kept(worker), model.now));
    }

    fn query_fails(&mut self, worker: usize, pending: &PendingEffects) {
        self.fault_step("a query gets no response", worker, |model| {
            pending.clone().observe(Observation::QueryFailed(NO_ANSWER.to_owned()), model.kept(worker), model.now)
        });
    }
}
