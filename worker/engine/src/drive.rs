//! The job driver: load, decide, persist, execute effects; repeat until none remain.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use doorbell_messages::JobKey;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{Instrument, error, warn};

use crate::admission::{AdmissionController, Permits, PermittedDecision};
use crate::domain::{DesiredState, Effect, Observation, Phase, Row, Timestamp};
use crate::effects::EffectExecutor;
use crate::in_flight::InFlightJobs;
use crate::job_log::{log_transition, span};
use crate::limiter::Permit;
use crate::ports::{Clock, JobLedger, LoadError};
use crate::row_store::{MAX_WRITE_CONFLICTS, RowInsert, RowStore, WriteOutcome, log_load_error};

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
pub(crate) struct Driver<L, C, E> {
    rows: Arc<RowStore<L>>,
    clock: C,
    admission: Arc<AdmissionController<C>>,
    effects: E,
    in_flight: Arc<InFlightJobs>,
}

impl<L, C, E> JobDriver for Driver<L, C, E>
where
    L: JobLedger + 'static,
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

impl<L: JobLedger, C: Clock, E: EffectExecutor> Driver<L, C, E> {
    pub(crate) fn new(
        rows: Arc<RowStore<L>>,
        clock: C,
        admission: Arc<AdmissionController<C>>,
        effects: E,
        in_flight: Arc<InFlightJobs>,
    ) -> Self {
        Self { rows, clock, admission, effects, in_flight }
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
    /// A job that was called for its forge reads its policy first: it keeps the permit until its commit is known.
    async fn run_until_idle(&self, persisted: PersistedDecision, mut permit: Option<Permit>) {
        let is_received = |row: &Row| matches!(row.phase, Phase::Received);
        permit = permit.filter(|_| is_received(&persisted.row));
        let (mut row, mut observations) = self.execute_effects(persisted).await;
        for _ in 0..MAX_ROUNDS {
            let Some(observation) = observations.pop_front() else { return };
            permit = permit.filter(|_| is_received(&row));
            let Some(persisted) = self.decide_and_write(row, observation, &mut permit).await else { return };
            let (next_row, more) = self.execute_effects(persisted).await;
            row = next_row;
            observations.extend(more);
        }
        error!("job still has pending effects after {MAX_ROUNDS} iterations; the sweep will resume it");
    }

    async fn execute_effects(&self, persisted: PersistedDecision) -> (Row, VecDeque<Observation>) {
        let PersistedDecision { row, effects, mut permits, claimed_at } = persisted;
        let mut observations = VecDeque::new();
        for effect in &effects {
            let observation = match effect {
                Effect::CancelJob(key) => Some(self.record_cancel(&row, key).await),
                effect => self.effects.execute(&row, effect, &mut permits, claimed_at).await,
            };
            observations.extend(observation);
        }
        (row, observations)
    }

    /// Decides and writes, again after each write of another worker. `None`: the sweep resumes the row.
    async fn decide_and_write(
        &self,
        row: Row,
        observation: Observation,
        permit: &mut Option<Permit>,
    ) -> Option<PersistedDecision> {
        let key = row.key.clone();
        let mut latest = None;
        let outcome = self.rows.update_row_with(row, |row| {
            let claimed_at = Instant::now();
            // Permits of the attempt before go back first.
            drop(latest.take());
            let PermittedDecision { decision, permits, waiters } = self.admission.decide(row, &observation, permit)?;
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
        }
        self.admission.enqueue_waiters(&written, waiters);
        if is_changed {
            self.admission.release_build_slot(&before, &written);
        }
        Some(PersistedDecision { row: written, ..persisted })
    }

    /// Records the cancel in the row of the job that a cancel request names.
    ///
    /// Queues reorder: if the job's own request has not arrived yet, a row that is to be canceled waits for it.
    async fn record_cancel(&self, request_row: &Row, key: &JobKey) -> Observation {
        let failed = |reason: &str| Observation::QueryFailed(reason.to_owned());
        let Some(now) = self.clock.now() else { return failed("no trusted AWS time yet") };
        // A row that another worker inserted meanwhile is there at the second attempt.
        for _ in 0..2 {
            let cancel = |row: &Row| row.with_cancel_requested(now, "a request asks to cancel the job", String::new());
            let row = match self.rows.update_with(key, cancel).await {
                WriteOutcome::Written(row) => *row,
                WriteOutcome::Unchanged(_) => return Observation::CancelRecorded,
                WriteOutcome::GaveUp { .. } => return failed("the row changes faster than it can be written"),
                WriteOutcome::Unavailable(error) => return failed(&error.to_string()),
                WriteOutcome::Absent => {
                    let mut inserted = self.rows.insert(vec![canceled_row(request_row, key, now)]).await;
                    match inserted.pop() {
                        Some((row, RowInsert::Inserted)) => row,
                        Some((_, RowInsert::AlreadyExists)) => continue,
                        Some((_, RowInsert::NewerSchema(schema))) => {
                            return failed(&LoadError::NewerSchema(schema).to_string());
                        }
                        Some((_, RowInsert::Failed(error))) => return failed(&error.to_string()),
                        None => return failed("the ledger did not answer"),
                    }
                }
            };
            Box::pin(self.drive_row(row, Observation::Due, None)).await;
            return Observation::CancelRecorded;
        }
        failed("the row changes faster than it can be written")
    }
}

/// A row of a job whose own request has not arrived yet, and which is to be canceled.
fn canceled_row(request_row: &Row, key: &JobKey, now: Timestamp) -> Row {
    let mut request = request_row.request.clone();
    request.action = doorbell_messages::RequestAction::Start;
    let mut row = Row::new(key.clone(), request, request_row.message.clone(), now);
    row.desired = DesiredState::Cancel;
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PolicyLookup;
    use crate::stubs::{ClockStub, EffectsStub, LedgerStub, NOW, WriteFault, config, row};

    fn driver(ledger: &LedgerStub, effects: EffectsStub) -> Driver<LedgerStub, ClockStub, EffectsStub> {
        let clock = ClockStub(Some(NOW));
        let rows = Arc::new(RowStore::new(ledger.clone(), "a"));
        let admission = Arc::new(AdmissionController::new(clock, config()));
        Driver::new(rows, clock, admission, effects, Arc::default())
    }

    #[tokio::test(start_paused = true)]
    async fn drive_ends_when_no_effect_remains() {
        let ledger = LedgerStub::with_row(&row(1));
        let effects = EffectsStub::new([Observation::PolicyRead(PolicyLookup::Unavailable("down".to_owned()))]);
        driver(&ledger, effects.clone()).drive(row(1), Observation::Due, None).await;
        assert_eq!(effects.executed(), [Effect::ReadPolicy]);
        let waiting = ledger.row(&row(1).key).unwrap();
        assert!(waiting.rev == 2 && waiting.phase_due_at > row(1).phase_due_at, "{waiting:#?}");
    }

    #[tokio::test(start_paused = true)]
    async fn cancel_request_is_recorded_in_the_other_row() {
        for fault in [WriteFault::Fail, WriteFault::LoseReply, WriteFault::ReportConflict, WriteFault::LoseRace] {
            let ledger = LedgerStub::with_row(&row(1));
            ledger.put(&row(2));
            ledger.script(&[fault]);
            let observation = driver(&ledger, EffectsStub::new([])).record_cancel(&row(1), &row(2).key).await;
            assert_eq!(observation, Observation::CancelRecorded, "{fault:?}");
            assert_eq!(ledger.row(&row(2).key).unwrap().desired, DesiredState::Cancel, "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn cancel_of_an_unknown_job_waits_for_its_request() {
        let ledger = LedgerStub::with_row(&row(1));
        let observation = driver(&ledger, EffectsStub::new([])).record_cancel(&row(1), &row(2).key).await;
        assert_eq!(observation, Observation::CancelRecorded);
        assert_eq!(ledger.row(&row(2).key).unwrap().desired, DesiredState::Cancel);
    }
}
