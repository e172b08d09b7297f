//! What can happen next in a model.

use std::collections::VecDeque;

use super::model::{DelayedCall, Model, ModelWorker};
use super::worker_model::{PendingEffects, PendingWrite, WorkerState};
use crate::domain::tests::{mins, secs};
use crate::domain::{DeliveryOutcome, Observation, Receipt};

pub(super) struct ModelTransition {
    pub(super) description: &'static str,
    pub(super) is_fault: bool,
    pub(super) model: Model,
}

/// The moves from one state.
pub(super) struct TransitionBuilder<'a> {
    pub(super) from: &'a Model,
    transitions: Vec<ModelTransition>,
}

impl Model {
    pub(super) fn transitions(&self) -> Vec<ModelTransition> {
        let mut moves = TransitionBuilder { from: self, transitions: Vec::new() };
        for (worker, model_worker) in self.workers.iter().enumerate() {
            let is_working = !matches!(model_worker.state, WorkerState::Idle);
            if !is_working && self.kept(worker).is_some() {
                moves.push_fault("a worker dies with a receipt", |model| {
                    model.workers[worker] = ModelWorker::default();
                });
            }
            if !model_worker.is_paused && is_working {
                moves.push_fault("a worker dies", |model| model.workers[worker] = ModelWorker::default());
                moves.push_fault("a worker is paused", |model| model.workers[worker].is_paused = true);
            }
            match &model_worker.state {
                WorkerState::Idle => moves.idle_steps(worker),
                WorkerState::Write(write) => moves.write_steps(worker, write),
                WorkerState::Reread(write) => moves.reread_steps(worker, write),
                WorkerState::Ack(pending) => moves.ack_steps(worker, pending),
                WorkerState::Execute(pending) => moves.effect_steps(worker, pending),
            }
        }
        moves.environment_steps();
        moves.transitions
    }
}

impl TransitionBuilder<'_> {
    pub(super) fn push(&mut self, what: &'static str, change: impl FnOnce(&mut Model)) {
        let mut model = self.from.clone();
        change(&mut model);
        self.transitions.push(ModelTransition { description: what, is_fault: false, model });
    }

    /// A worker's next step: `decide_and_write` changes the model, and says what the worker is at then.
    pub(super) fn worker_step(
        &mut self,
        what: &'static str,
        worker: usize,
        step: impl FnOnce(&mut Model) -> WorkerState,
    ) {
        self.push(what, |model| {
            model.workers[worker].is_paused = false;
            model.workers[worker].state = step(model);
        });
    }

    pub(super) fn push_fault(&mut self, what: &'static str, change: impl FnOnce(&mut Model)) {
        let Some(faults) = self.from.faults.checked_sub(1) else { return };
        let mut model = self.from.clone();
        model.faults = faults;
        change(&mut model);
        self.transitions.push(ModelTransition { description: what, is_fault: true, model });
    }

    /// A worker's next step goes wrong.
    pub(super) fn fault_step(
        &mut self,
        what: &'static str,
        worker: usize,
        step: impl FnOnce(&mut Model) -> WorkerState,
    ) {
        self.push_fault(what, |model| {
            model.workers[worker].is_paused = false;
            model.workers[worker].state = step(model);
        });
    }

    /// What the clock, the provider and the network do.
    fn environment_steps(&mut self) {
        let from = self.from;
        if !from.builds.is_empty() && !from.is_complete {
            self.push("the build ends", |model| model.is_complete = true);
        }
        match &from.delayed {
            Some(DelayedCall::Start { token, .. }) => self.push("a late start arrives", |model| {
                model.delayed = None;
                model.start_build(token);
            }),
            Some(DelayedCall::Flag { status, .. }) => self.push("a late flag arrives", |model| {
                model.delayed = None;
                model.flag = Some(*status);
            }),
            None => {}
        }
        let nobody_is_at_work = from
            .workers
            .iter()
            .all(|model_worker| model_worker.is_paused || matches!(model_worker.state, WorkerState::Idle));
        let due = from.row.as_ref().filter(|_| nobody_is_at_work).and_then(|row| row.due_at());
        if let Some(due) = due.filter(|due| *due > from.now && from.can_wait_until(*due)) {
            self.push("time passes until the row is due", |model| model.now = due);
        }
        // Past a send's leave, past a token's life, past the disbelief in an empty listing.
        for (what, time) in
            [("all pause for 11 s", secs(11)), ("all pause for 6 min", mins(6)), ("all pause for 17 min", mins(17))]
        {
            if from.can_wait_until(from.now + time) {
                self.push_fault(what, |model| model.now = from.now + time);
            }
        }
    }

    /// A worker with nothing in state gets a message, an event, or a row that is due.
    fn idle_steps(&mut self, worker: usize) {
        let from = self.from;
        if from.message_copies > 0 {
            self.worker_step("a message comes", worker, |model| {
                WorkerState::receive_message(model.knows_policy, model.now)
            });
        }
        let Some(row) = &from.row else { return };
        let kept = from.kept(worker);
        if let Some(Receipt { entry, claim, .. }) = kept {
            let outcome = DeliveryOutcome::Delivered;
            let receipt = Observation::ReportAttempted { entry, claim, outcome };
            self.worker_step("writes a receipt that it kept", worker, |model| {
                model.workers[worker].kept = None;
                WorkerState::decide(row, VecDeque::from([receipt.into()]), None, model.now)
            });
        }
        let mut show = |what, observation: Observation| {
            let state = WorkerState::decide(row, VecDeque::from([observation.into()]), kept, from.now);
            // A transition that changes nothing leads to no new state.
            if !matches!(state, WorkerState::Idle) {
                self.worker_step(what, worker, |_| state);
            }
        };
        if row.due_at().is_some_and(|due| due <= from.now) {
            show("the row is due", Observation::Due);
        }
        if from.is_complete {
            // Soon, late, twice, or never: whenever a worker has time for it.
            show("an event comes", Observation::BuildDescribed { build: from.build(), claims_final: true });
        }
    }

    fn write_steps(&mut self, worker: usize, write: &PendingWrite) {
        self.worker_step("writes", worker, |model| match (model.write_row(write), &model.row) {
            (true, _) => write.clone().written(model.kept(worker), model.now),
            (false, Some(current)) if write.is_insert() => {
                WorkerState::Ack(PendingEffects::without_effects(current, model.now))
            }
            (false, Some(current)) => write.clone().retry_on(current, model.kept(worker), model.now),
            (false, None) => WorkerState::Idle,
        });
        self.fault_step("writes and dies", worker, |model| {
            model.write_row(write);
            WorkerState::Idle
        });
        self.fault_step("writes and hears nothing", worker, |model| {
            model.write_row(write);
            WorkerState::Reread(write.clone())
        });
        self.fault_step("a write is lost", worker, |_| WorkerState::Reread(write.clone()));
    }

    fn reread_steps(&mut self, worker: usize, write: &PendingWrite) {
        self.worker_step("reads again", worker, |model| match &model.row {
            Some(current) if write.produced(current) => write.clone().written(model.kept(worker), model.now),
            Some(current) if !write.is_insert() => write.clone().retry_on(current, model.kept(worker), model.now),
            // The message stays in the queue.
            Some(_) | None => WorkerState::Idle,
        });
        self.fault_step("reads and hears nothing", worker, |_| WorkerState::Idle);
    }

    fn ack_steps(&mut self, worker: usize, pending: &PendingEffects) {
        self.worker_step("deletes the message", worker, |model| {
            model.message_copies = model.message_copies.saturating_sub(1);
            pending.clone().resume(model.kept(worker), model.now)
        });
        self.fault_step("a delete is lost", worker, |model| pending.clone().resume(model.kept(worker), model.now));
    }
}
