//! What one worker is at, step by step as in `drive.rs` and `triggers.rs`: others can move between any two steps.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::LazyLock;

use serde_json::json;

use crate::domain::tests::{COMMIT, JobHarness, RUNNING, SUCCESS, config, policy, policy_found};
use crate::domain::{
    Admission, Decision, DecisionContext, Effect, JobConfig, LEASE, Observation, ProviderBuild, Receipt, Row,
    Timestamp, next,
};

// What every history shares, made once.
static CONFIG: LazyLock<JobConfig> = LazyLock::new(config);
static INITIAL_ROW: LazyLock<Row> = LazyLock::new(|| JobHarness::received(json!({"commit": COMMIT})).row);
static BUILD: LazyLock<ProviderBuild> =
    LazyLock::new(|| JobHarness::received(json!({"commit": COMMIT})).build(1, RUNNING));
static POLICY: LazyLock<Observation> = LazyLock::new(|| policy_found(&policy(json!({}))));

/// A worker decides as soon as it has something to decide on; between that and its write, and between its write and what
/// it then does, anything can happen, for as long as can be.
#[derive(Debug, Clone, Default)]
pub(super) enum WorkerState {
    #[default]
    Idle,
    /// Decided; the write is on its way.
    Write(PendingWrite),
    /// Its answer was lost: whose is the row now?
    Reread(PendingWrite),
    /// The row is new and durable; its message is to be deleted.
    Ack(PendingEffects),
    /// Written, or nothing to write: the effects are to be done.
    Execute(PendingEffects),
}

#[derive(Debug, Clone)]
pub(super) struct PendingWrite {
    /// What led to it, for a decision on another row.
    pub(super) observation: Rc<Observation>,
    pub(super) pending: PendingEffects,
}

#[derive(Debug, Clone)]
pub(super) struct PendingEffects {
    pub(super) row: Rc<Row>,
    /// What is left to do.
    pub(super) effects: VecDeque<Rc<Effect>>,
    /// What the effects have brought so far.
    pub(super) observations: VecDeque<Rc<Observation>>,
    /// By the worker's own clock: when it was decided.
    pub(super) decided_at: Timestamp,
}

/// The policy, as the registry answers.
pub(super) fn known_policy() -> Observation {
    POLICY.clone()
}

/// The only build that there should be.
pub(super) fn observed_build(started_at: Option<Timestamp>, is_complete: bool) -> ProviderBuild {
    let state = if is_complete { SUCCESS } else { RUNNING };
    ProviderBuild { started_at, state, ..BUILD.clone() }
}

impl WorkerState {
    /// Takes a copy of the message: decides on a row that was never written, and wants to insert it.
    pub(super) fn receive_message(knows_policy: bool, now: Timestamp) -> Self {
        let initial_row = Row { received_at: now, phase_due_at: Some(now), ..INITIAL_ROW.clone() };
        let observation = if knows_policy { known_policy() } else { Observation::Due };
        let Decision { row: mut next_row, effects, .. } =
            next(initial_row, observation.clone(), all_granted(now), &CONFIG);
        if next_row.phase_due_at.is_some_and(|due| due <= now) {
            next_row.phase_due_at = Some(now + LEASE);
        }
        Self::write(next_row, observation.into(), VecDeque::new(), effects, now)
    }

    /// Decides on a row as it is, and on the first of what was seen.
    ///
    /// A write takes along the receipt that the worker kept.
    pub(super) fn decide(
        row: &Rc<Row>,
        mut observations: VecDeque<Rc<Observation>>,
        kept: Option<Receipt>,
        now: Timestamp,
    ) -> Self {
        let Some(first) = observations.pop_front() else { return Self::Idle };
        let known = kept.map_or_else(|| (**row).clone(), |receipt| receipt.applied_to(row));
        let step = next(known, (*first).clone(), all_granted(now), &CONFIG);
        if step.changed {
            let next_row = Row { rev: row.rev + 1, ..step.row };
            return Self::write(next_row, first, observations, step.effects, now);
        }
        let effects = step.effects.into_iter().map(Rc::new).collect();
        PendingEffects { row: Rc::clone(row), effects, observations, decided_at: now }.resume(kept, now)
    }

    fn write(
        mut next_row: Row,
        observation: Rc<Observation>,
        rest: VecDeque<Rc<Observation>>,
        effects: Vec<Effect>,
        at: Timestamp,
    ) -> Self {
        // For people only, and dear to copy.
        next_row.trail.clear();
        let row = Rc::new(next_row);
        let effects = effects.into_iter().map(Rc::new).collect();
        Self::Write(PendingWrite {
            observation,
            pending: PendingEffects { row, effects, observations: rest, decided_at: at },
        })
    }
}

impl PendingWrite {
    /// The row as it is to be.
    pub(super) fn next_row(&self) -> &Rc<Row> {
        &self.pending.row
    }

    /// Whether the row is what this write made of it.
    pub(super) fn produced(&self, row: &Rc<Row>) -> bool {
        // In the ledger it is the writer's signature that tells.
        Rc::ptr_eq(row, self.next_row())
    }

    /// Only an insert makes a row's first revision.
    pub(super) fn is_insert(&self) -> bool {
        self.next_row().rev == 1
    }

    /// Another one was first: decides anew, on its row.
    pub(super) fn retry_on(self, current: &Rc<Row>, kept: Option<Receipt>, now: Timestamp) -> WorkerState {
        let mut observations = self.pending.observations;
        observations.push_front(self.observation);
        WorkerState::decide(current, observations, kept, now)
    }

    pub(super) fn written(self, kept: Option<Receipt>, now: Timestamp) -> WorkerState {
        if self.is_insert() { WorkerState::Ack(self.pending) } else { self.pending.resume(kept, now) }
    }
}

impl PendingEffects {
    /// An insert that found the row there already has nothing to do but to delete its message.
    pub(super) fn without_effects(row: &Rc<Row>, decided_at: Timestamp) -> Self {
        Self { row: Rc::clone(row), effects: VecDeque::new(), observations: VecDeque::new(), decided_at }
    }

    /// The first effect is done, and this was seen.
    pub(super) fn observe(mut self, observation: Observation, kept: Option<Receipt>, now: Timestamp) -> WorkerState {
        self.observations.push_back(observation.into());
        self.leave(kept, now)
    }

    /// The first effect is done, and nothing is to be decided because of it.
    pub(super) fn leave(mut self, kept: Option<Receipt>, now: Timestamp) -> WorkerState {
        self.effects.pop_front();
        self.resume(kept, now)
    }

    pub(super) fn resume(self, kept: Option<Receipt>, now: Timestamp) -> WorkerState {
        match self.effects.is_empty() {
            true => WorkerState::decide(&self.row, self.observations, kept, now),
            false => WorkerState::Execute(self),
        }
    }
}

fn all_granted(now: Timestamp) -> DecisionContext {
    DecisionContext {
        now,
        slot_available: true,
        forge_admission: Admission::Granted,
        topic_admission: Admission::Granted,
    }
}
