//! The job driver: load, decide, persist, execute effects; repeat until none remain.

mod receipts;
mod series;
mod start;

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{Instrument, error, warn};

use crate::admission::{AdmissionController, Permits, PermittedDecision, Waiters};
use crate::domain::{Effect, HourlyCount, Observation, Phase, Row};
use crate::effects::EffectExecutor;
use crate::in_flight::InFlightJobs;
use crate::job_log::{log_transition, span};
use crate::kept_receipts::KeptReceipts;
use crate::limiter::Permit;
use crate::ports::{BuildSlots, Clock, JobCounter, JobLedger, OrderLedger};
use crate::row_store::{MAX_WRITE_CONFLICTS, RowStore, WriteOutcome, log_load_error};
use crate::series_store::SeriesStore;
use crate::slot_keeper::SlotKeeper;
use crate::turn_keeper::TurnKeeper;

/// Iterations that one hint may cause. A whole job takes about six; more means that two decisions cause each other.
const MAX_ROUNDS: usize = 40;

/// A row as it was just written, with the effects and permits that the write claims.
#[derive(Debug)]
pub(crate) struct PersistedDecision {
    pub(crate) row: Row,
    pub(crate) effects: Vec<Effect>,
    pub(crate) permits: Permits,
    pub(crate) claimed_at: Instant,
}

impl PersistedDecision {
    /// Whether the job uses the permit that it was granted only after its next query.
    ///
    /// A permit that is given back between the two goes to another job, each time.
    fn uses_permit_later(&self) -> bool {
        matches!(self.row.phase, Phase::Received) || self.effects.contains(&Effect::TakeTurn)
    }

    /// The effects that are executed in their order, and beside them a done event.
    fn into_groups(self) -> impl Iterator<Item = Self> {
        let Self { row, effects, mut permits, claimed_at } = self;
        let (done_event, others): (Vec<Effect>, Vec<Effect>) =
            effects.into_iter().partition(|effect| matches!(effect, Effect::PublishDoneEvent { .. }));
        let topic = Permits { topic: permits.topic.take(), ..Permits::default() };
        let beside = (!done_event.is_empty()).then(|| Self {
            row: row.clone(),
            effects: done_event,
            permits: topic,
            claimed_at,
        });
        std::iter::once(Self { row, effects: others, permits, claimed_at }).chain(beside)
    }
}

/// What the consumers, the sweeper and the dispatcher ask of the driver.
///
/// No call returns an error: where a port fails, the row's due time brings it back.
pub(crate) trait JobDriver: Send + Sync + 'static {
    /// Applies an observation to a row, with the permit that it was granted, and continues until no effect remains.
    fn drive(&self, row: Row, observation: Observation, permit: Option<Permit>) -> impl Future<Output = ()> + Send;

    /// As [`JobDriver::drive`]; signals when the observation is in the row, before the effects.
    fn drive_and_signal(
        &self,
        row: Row,
        observation: Observation,
        applied: oneshot::Sender<()>,
    ) -> impl Future<Output = ()> + Send;

    /// As [`JobDriver::drive`], from a row that was just written with its effects.
    fn resume(&self, persisted: PersistedDecision) -> impl Future<Output = ()> + Send;
}

/// Drives jobs: decides, persists and executes.
#[derive(Debug)]
pub(crate) struct Driver<L, O, C, E> {
    rows: Arc<RowStore<L>>,
    series: SeriesStore<L>,
    clock: C,
    admission: Arc<AdmissionController<C>>,
    effects: E,
    turns: TurnKeeper<L, O, C>,
    slots: SlotKeeper<L>,
    receipts: Arc<KeptReceipts>,
    in_flight: Arc<InFlightJobs>,
}

impl<L, O, C, E> JobDriver for Driver<L, O, C, E>
where
    L: JobLedger + JobCounter + BuildSlots + 'static,
    O: OrderLedger + 'static,
    C: Clock + 'static,
    E: EffectExecutor,
{
    fn drive(&self, row: Row, observation: Observation, permit: Option<Permit>) -> impl Future<Output = ()> + Send {
        self.drive_row(row, observation, permit)
    }

    async fn drive_and_signal(&self, row: Row, observation: Observation, applied: oneshot::Sender<()>) {
        let _in_flight = self.in_flight.mark(&row.key);
        let span = span(&row);
        async {
            let persisted = self.decide_and_write(row, observation, &mut None).await;
            // The receiver may be gone, and then needs no signal.
            let _ = applied.send(());
            if let Some(persisted) = persisted {
                self.run_until_idle(persisted, None).await;
            }
        }
        .instrument(span)
        .await;
    }

    async fn resume(&self, persisted: PersistedDecision) {
        let _in_flight = self.in_flight.mark(&persisted.row.key);
        self.run_until_idle(persisted, None).await;
    }
}

impl<L: JobLedger + JobCounter + BuildSlots, O: OrderLedger, C: Clock, E: EffectExecutor> Driver<L, O, C, E> {
    pub(crate) fn new(
        rows: Arc<RowStore<L>>,
        clock: C,
        admission: Arc<AdmissionController<C>>,
        effects: E,
        turns: TurnKeeper<L, O, C>,
        slots: SlotKeeper<L>,
        in_flight: Arc<InFlightJobs>,
    ) -> Self {
        let series = SeriesStore::new(Arc::clone(&rows));
        Self { rows, series, clock, admission, effects, turns, slots, receipts: Arc::default(), in_flight }
    }

    /// The receipts that wait for a write.
    pub(crate) fn receipts(&self) -> &Arc<KeptReceipts> {
        &self.receipts
    }

    async fn drive_row(&self, row: Row, observation: Observation, mut permit: Option<Permit>) {
        let _in_flight = self.in_flight.mark(&row.key);
        let span = span(&row);
        async {
            let Some(persisted) = self.decide_and_write(row, observation, &mut permit).await else { return };
            self.run_until_idle(persisted, permit).await;
        }
        .instrument(span)
        .await;
    }

    /// Executes effects and decides on what they bring.
    ///
    /// A job that was called for its forge reads its policy first, and one that was called for a slot takes its turn first:
    /// it keeps the permit meanwhile. A done event is published beside the other effects, so that neither a slow topic
    /// nor a slow forge holds up the other.
    async fn run_until_idle(&self, persisted: PersistedDecision, mut permit: Option<Permit>) {
        let mut in_progress = FuturesUnordered::new();
        let mut observations = VecDeque::new();
        permit = permit.filter(|_| persisted.uses_permit_later());
        let mut row = persisted.row.clone();
        in_progress.extend(persisted.into_groups().map(|group| self.execute_effects(group)));
        for _ in 0..MAX_ROUNDS {
            while observations.is_empty() {
                let Some(more) = in_progress.next().await else { return };
                observations.extend(more);
            }
            let Some(observation) = observations.pop_front() else { return };
            let Some(persisted) = self.decide_and_write(row, observation, &mut permit).await else {
                // Calls that were begun are not cut off; what they bring is found again when the row is due.
                while in_progress.next().await.is_some() {}
                return;
            };
            permit = permit.filter(|_| persisted.uses_permit_later());
            row = persisted.row.clone();
            in_progress.extend(persisted.into_groups().map(|group| self.execute_effects(group)));
        }
        error!("job still has pending effects after {MAX_ROUNDS} iterations; the sweep will resume it");
    }

    async fn execute_effects(&self, persisted: PersistedDecision) -> VecDeque<Observation> {
        let PersistedDecision { row, effects, mut permits, claimed_at } = persisted;
        let mut observations = VecDeque::new();
        // Those that drive other jobs come last: a report must not wait for them.
        let drives_others = |effect: &&Effect| matches!(effect, Effect::CancelSeries(_) | Effect::PromoteRepeat(_));
        let (last, first): (Vec<&Effect>, Vec<&Effect>) = effects.iter().partition(drives_others);
        for effect in first.into_iter().chain(last) {
            let observation = match effect {
                Effect::CancelSeries(key) => Some(self.cancel_series(&row, key).await),
                Effect::PromoteRepeat(incoming) => Some(self.promote_repeat(incoming).await),
                Effect::TakeTurn => Some(Observation::TurnTaken { rev: row.rev, outcome: self.turns.take(&row).await }),
                Effect::ReleaseTurn(order) => {
                    self.turns.release(&row, *order).await;
                    None
                }
                Effect::CountJob { policy, build_project, commit, max_jobs } => {
                    let outcome = self.rows.ledger().count(&HourlyCount::of(&row), *max_jobs).await;
                    let (policy, build_project) = (Arc::clone(policy), build_project.clone());
                    Some(Observation::JobCounted { policy, build_project, commit: commit.clone(), outcome })
                }
                Effect::StartBuild { attempt, .. } => {
                    self.start_build(&row, effect, *attempt, &mut permits, claimed_at).await
                }
                effect => self.effects.execute(&row, effect, &mut permits, claimed_at).await,
            };
            observations.extend(observation.filter(|observation| !self.keeps_receipt(&row, observation)));
        }
        observations.extend(self.receipts.take_awaited(&row));
        observations
    }

    /// Decides and writes, again after each write of another worker. `None`: the sweep resumes the row.
    ///
    /// The write takes the row's kept receipt along.
    async fn decide_and_write(
        &self,
        row: Row,
        observation: Observation,
        permit: &mut Option<Permit>,
    ) -> Option<PersistedDecision> {
        let key = row.key.clone();
        let receipt = self.receipts.get(&key);
        let mut latest: Option<(Row, PersistedDecision, Waiters)> = None;
        let outcome = self.rows.update_row_with(row, |row| {
            let claimed_at = Instant::now();
            if let Some((_, lost, _)) = latest.take() {
                keep_permit(permit, lost);
            }
            let with_receipt = receipt.map(|receipt| receipt.applied_to(row));
            let known = with_receipt.as_ref().unwrap_or(row);
            let PermittedDecision { decision, permits, waiters } =
                self.admission.decide(known, &observation, permit)?;
            self.receipts.note_claim(&decision.row, &decision.effects);
            let next_row = decision.changed.then(|| decision.row.clone());
            let persisted = PersistedDecision { row: decision.row, effects: decision.effects, permits, claimed_at };
            latest = Some((row.clone(), persisted, waiters));
            next_row
        });
        let (written, is_changed) = match outcome.await {
            WriteOutcome::Written(row) => (*row, true),
            WriteOutcome::Unchanged(row) => (*row, false),
            WriteOutcome::Absent => return None,
            WriteOutcome::GaveUp { .. } => {
                warn!("gave up after {MAX_WRITE_CONFLICTS} write conflicts; the sweep will resume it");
                return None;
            }
            WriteOutcome::Unavailable(error) => {
                log_load_error(&key, &error);
                return None;
            }
        };
        let (before, persisted, waiters) = latest?;
        if is_changed {
            log_transition(&before, &written);
            self.receipts.note_written(&before, &written);
        }
        self.admission.enqueue_waiters(&written, waiters);
        if is_changed {
            // Before the next job is called: it would find no slot.
            self.slots.release_ended(&before, &written).await;
            self.admission.note_build(&before, &written);
        }
        Some(PersistedDecision { row: written, ..persisted })
    }
}

/// Keeps the permit of a decision that another write came before, for the decision that follows.
///
/// Given back it would go to the next job that waits, which may be this one, in another task: two tasks that take the
/// permit from each other never start the job.
fn keep_permit(permit: &mut Option<Permit>, lost: PersistedDecision) {
    let Permits { start, forge, topic } = lost.permits;
    *permit = permit.take().or(start).or(forge).or(topic);
}

#[cfg(test)]
mod order_interleavings;

#[cfg(test)]
mod tests;
