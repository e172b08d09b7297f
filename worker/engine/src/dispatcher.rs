//! Dispatches waiting jobs as slots free up, and finds jobs that wait on other workers.

use std::sync::Arc;
use std::time::Duration;

use doorbell_messages::JobKey;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::admission::{AdmissionController, build_group_of};
use crate::domain::{DesiredState, LEASE, Observation, Phase, Row};
use crate::drive::JobDriver;
use crate::in_flight::InFlightJobs;
use crate::job_tasks::JobTasks;
use crate::limiter::{ConcurrencyLimiter, ReadyJob};
use crate::ports::{Clock, JobLedger, SHARDS};
use crate::row_store::RowStore;
use crate::sweep::first_shard;
use crate::wake_queue::WakeQueue;

/// Rows that one search for waiting jobs reads.
const MAX_ROWS_READ: usize = 100;

/// Jobs after which one search ends. Slots are not freed faster, and other workers know these jobs, too.
const MAX_FOUND: usize = 16;

/// Time between two searches while they find something.
const BUSY_INTERVAL: Duration = Duration::from_millis(250);

/// Time between two searches that find nothing: most installations never reach a limit.
const IDLE_INTERVAL: Duration = Duration::from_secs(30);

/// Drives queued jobs as permits become free.
#[derive(Debug)]
pub(crate) struct Dispatcher<L, C, D> {
    rows: Arc<RowStore<L>>,
    clock: C,
    admission: Arc<AdmissionController<C>>,
    driver: Arc<D>,
    tasks: Arc<JobTasks<L, C>>,
    in_flight: Arc<InFlightJobs>,
    wake_queue: Arc<WakeQueue>,
}

impl<L: JobLedger + 'static, C: Clock + 'static, D: JobDriver> Dispatcher<L, C, D> {
    pub(crate) fn new(
        rows: Arc<RowStore<L>>,
        clock: C,
        admission: Arc<AdmissionController<C>>,
        driver: Arc<D>,
        tasks: Arc<JobTasks<L, C>>,
        in_flight: Arc<InFlightJobs>,
        wake_queue: Arc<WakeQueue>,
    ) -> Self {
        Self { rows, clock, admission, driver, tasks, in_flight, wake_queue }
    }

    /// Dispatches jobs until `stop`: those that wait for a build slot, for their forge or for their turn, and remote ones.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let AdmissionController { build_limiter, forge_limiter, topic_limiter, .. } = &*self.admission;
        futures_util::join!(
            self.dispatch_ready_jobs(build_limiter, Observation::SlotGranted, &stop),
            self.dispatch_ready_jobs(forge_limiter, Observation::ForgePermitGranted, &stop),
            // Every decision claims a done event that is due.
            self.dispatch_ready_jobs(topic_limiter, Observation::Due, &stop),
            self.steal_waiting_jobs(&stop),
            self.wake_jobs(&stop),
        );
    }

    /// Drives each job that gets a permit, in a task of its own. These need no capacity: the limit bounds them.
    async fn dispatch_ready_jobs(
        &self,
        limiter: &Arc<ConcurrencyLimiter>,
        observation: Observation,
        stop: &CancellationToken,
    ) {
        loop {
            let ReadyJob { key, permit, capacity } = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                ready = limiter.next_ready() => ready,
            };
            let (rows, driver, observation) = (Arc::clone(&self.rows), Arc::clone(&self.driver), observation.clone());
            let admission = Arc::clone(&self.admission);
            // A row that has moved on does not use the permit, which dispatches the next job.
            self.tasks.spawn(key.clone(), async move {
                if let Some(row) = rows.recent_or_load(&key).await {
                    driver.drive(row, observation, Some(permit)).await;
                }
                admission.free_capacity(&key, capacity).await;
            });
        }
    }

    /// Drives each job that another job's end lets go on.
    async fn wake_jobs(&self, stop: &CancellationToken) {
        loop {
            let key = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                key = self.wake_queue.next() => key,
            };
            let (rows, driver, job) = (Arc::clone(&self.rows), Arc::clone(&self.driver), key.clone());
            let work = async move {
                if let Some(row) = rows.load_or_log(&key).await {
                    driver.drive(row, Observation::TurnReleased, None).await;
                }
            };
            self.tasks.spawn_with_capacity(job, work).await;
        }
    }

    /// Queues jobs that wait on other workers, or waited on workers that crashed, whenever a slot has no taker here.
    ///
    /// The index has such jobs: they are due within a lease.
    async fn steal_waiting_jobs(&self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.admission.slot_freed.notified() => {}
            }
            let pause = if self.find_remote_waiters().await > 0 { BUSY_INTERVAL } else { IDLE_INTERVAL };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn find_remote_waiters(&self) -> usize {
        let Some(now) = self.clock.now() else { return 0 };
        let first = first_shard(&self.rows.next_writer());
        let (mut rows_read, mut found) = (0, 0);
        for shard in (0..SHARDS).map(|step| (first + step) % SHARDS) {
            let Ok(page) = self.rows.ledger().due(shard, now + LEASE, None).await else { return found };
            let remote = page.keys.into_iter().filter(|key| !self.in_flight.contains(key));
            let keys: Vec<JobKey> = remote.take(MAX_FOUND - found).collect();
            rows_read += keys.len();
            for row in self.rows.ledger().load(&keys).await.into_iter().flatten().flatten() {
                if is_waiting(&row)
                    && let Some(build_group) = build_group_of(&row)
                {
                    debug!(job.key = %row.key, "waits for a build");
                    found += 1;
                    let build_limiter = &self.admission.build_limiter;
                    build_limiter.note_remote_waiters(&build_group);
                    build_limiter.enqueue(&build_group, &row.request.project, row.received_at, &row.key);
                }
            }
            if found >= MAX_FOUND || rows_read >= MAX_ROWS_READ {
                break;
            }
        }
        found
    }
}

/// Whether a row waits for a slot. One that waits for its turn would give it back, again and again.
fn is_waiting(row: &Row) -> bool {
    matches!(row.phase, Phase::Accepted { turn: None, .. })
        && row.desired == DesiredState::Run
        && row.quarantined.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_tasks::TaskPool;
    use crate::quarantine::Quarantine;
    use crate::stubs::{ClockStub, DriverStub, LedgerStub, NOW, config, row};

    #[test]
    fn job_that_waits_for_its_turn_is_offered_no_slot() {
        use crate::domain::TurnWait;
        use crate::stubs::ordered_launch;
        let waits = |turn| {
            let launch = ordered_launch(doorbell_registry::OrderRule::Serial);
            is_waiting(&Row { phase: Phase::Accepted { launch, attempt: 1, waiting: None, turn }, ..row(1) })
        };
        assert!(waits(None) && !waits(Some(TurnWait::Next)));
    }

    #[tokio::test]
    async fn queued_job_is_driven_with_a_permit() {
        let ledger = LedgerStub::with_row(&row(1));
        let rows = Arc::new(RowStore::new(ledger, "a"));
        let clock = ClockStub(Some(NOW));
        let admission = Arc::new(AdmissionController::new(clock, config()));
        let pool = Arc::new(TaskPool::new(1));
        let quarantine = Arc::new(Quarantine::new(Arc::clone(&rows), clock));
        let tasks = Arc::new(JobTasks::new(Arc::clone(&pool), quarantine));
        let driver = Arc::new(DriverStub::default());
        let dispatcher = Dispatcher::new(
            rows,
            clock,
            Arc::clone(&admission),
            Arc::clone(&driver),
            tasks,
            Arc::default(),
            Arc::default(),
        );
        drop(admission.build_limiter.try_acquire("builds"));
        admission.build_limiter.enqueue("builds", &row(1).request.project, NOW, &row(1).key);
        let stop = CancellationToken::new();
        tokio::join!(dispatcher.run(stop.clone()), async {
            driver.wait_for_call().await;
            stop.cancel();
        });
        pool.drain().await;
        assert_eq!(driver.calls(), [(row(1).key, Observation::SlotGranted, true)]);
    }
}
