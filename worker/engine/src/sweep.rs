//! The sweep: the only timer. It processes rows whose due time has passed.

use std::sync::Arc;
use std::time::Duration;

use doorbell_messages::{BuildId, JobKey};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::describe::describe_builds;
use crate::domain::{DesiredState, Observation, Phase, Row, Timestamp};
use crate::drive::JobDriver;
use crate::in_flight::InFlightJobs;
use crate::job_tasks::JobTasks;
use crate::liveness::{Liveness, LoopKind};
use crate::metrics;
use crate::ports::{BuildProvider, Clock, DuePage, JobLedger, PortError, SHARDS};
use crate::row_store::{RowStore, log_load_error};

/// Sweeps the ledger's index of due rows.
#[derive(Debug)]
pub(crate) struct Sweeper<L, C, B, D> {
    rows: Arc<RowStore<L>>,
    clock: C,
    provider: B,
    driver: Arc<D>,
    tasks: Arc<JobTasks<L, C>>,
    in_flight: Arc<InFlightJobs>,
    liveness: Arc<Liveness>,
}

impl<L, C, B, D> Sweeper<L, C, B, D>
where
    L: JobLedger + 'static,
    C: Clock + 'static,
    B: BuildProvider,
    D: JobDriver,
{
    pub(crate) fn new(
        rows: Arc<RowStore<L>>,
        clock: C,
        provider: B,
        driver: Arc<D>,
        tasks: Arc<JobTasks<L, C>>,
        in_flight: Arc<InFlightJobs>,
        liveness: Arc<Liveness>,
    ) -> Self {
        Self { rows, clock, provider, driver, tasks, in_flight, liveness }
    }

    /// Sweeps every `interval` until `stop`, from a shard that depends on the worker's name.
    ///
    /// Returns no error: a sweep that was aborted is logged, and the next one begins with another shard.
    pub(crate) async fn run(&self, instance: &str, interval: Duration, stop: CancellationToken) {
        let mut first = first_shard(instance);
        loop {
            match self.sweep_once(first, &stop).await {
                Ok(oldest_waiting) => {
                    self.liveness.record_success(LoopKind::Sweep);
                    metrics::sweep_completed(oldest_waiting);
                }
                Err(error) => warn!("sweep aborted: {error}"),
            }
            // Workers that started together drift apart over the shards.
            first = (first + 5) % SHARDS;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep(interval) => {}
            }
        }
    }

    /// Processes all due rows once. Returns `Err` where the index cannot be read or no trusted time is known.
    ///
    /// Returns the age of the oldest due job that waits for a build. A waiting job is due at least every ten minutes.
    async fn sweep_once(&self, first: u8, stop: &CancellationToken) -> Result<Duration, PortError> {
        // Running builds of all shards are polled together: one call describes a hundred.
        let mut to_poll: Vec<Row> = Vec::new();
        let mut oldest_waiting = Duration::ZERO;
        for shard in (0..SHARDS).map(|step| (first + step) % SHARDS) {
            if stop.is_cancelled() {
                return Ok(oldest_waiting);
            }
            let now = self.now()?;
            let mut after = None;
            // Paging continues past rows that this worker skips: rows in flight and rows of a newer schema.
            loop {
                let DuePage { keys, next } = self.rows.ledger().due(shard, now, after).await?;
                let keys: Vec<JobKey> = keys.into_iter().filter(|key| !self.in_flight.contains(key)).collect();
                if !keys.is_empty() {
                    debug!(shard, due = keys.len(), "rows are due");
                    to_poll.extend(self.process_due(keys, now, &mut oldest_waiting).await);
                }
                while to_poll.len() >= self.provider.profile().max_describe_batch {
                    let batch = to_poll.split_off(to_poll.len() - self.provider.profile().max_describe_batch);
                    self.poll_running(batch).await;
                }
                match next.filter(|_| !stop.is_cancelled()) {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        if !to_poll.is_empty() {
            self.poll_running(to_poll).await;
        }
        Ok(oldest_waiting)
    }

    fn now(&self) -> Result<Timestamp, PortError> {
        self.clock.now().ok_or_else(|| PortError("no trusted AWS time yet".to_owned()))
    }

    /// Processes due rows, and returns those that only need a poll of their build.
    ///
    /// The index may be stale: the worker reads each row consistently first.
    async fn process_due(&self, keys: Vec<JobKey>, now: Timestamp, oldest_waiting: &mut Duration) -> Vec<Row> {
        let rows = self.rows.ledger().load(&keys).await;
        let waits = rows.iter().flatten().flatten().filter(|row| waits_for_build(row)).map(|row| row.age(now));
        *oldest_waiting = waits.fold(*oldest_waiting, Duration::max);
        let mut to_poll = Vec::new();
        for (key, row) in keys.iter().zip(rows) {
            match row {
                Ok(Some(row)) if row.may_be_poison(now) => self.spawn_possible_poison(row).await,
                Ok(Some(row)) if needs_only_polling(&row) => to_poll.push(row),
                Ok(Some(row)) => self.spawn_drive(row, Observation::Due).await,
                Ok(None) => {}
                Err(error) => log_load_error(key, &error),
            }
        }
        to_poll
    }

    async fn spawn_possible_poison(&self, row: Row) {
        let (quarantine, driver) = (Arc::clone(self.tasks.quarantine()), Arc::clone(&self.driver));
        let key = row.key.clone();
        let work = async move {
            quarantine.handle_possible_poison(row, |row| driver.drive(row, Observation::Due, None)).await;
        };
        self.tasks.spawn_with_capacity(key, work).await;
    }

    async fn spawn_drive(&self, row: Row, observation: Observation) {
        let (key, driver) = (row.key.clone(), Arc::clone(&self.driver));
        self.tasks.spawn_with_capacity(key, async move { driver.drive(row, observation, None).await }).await;
    }

    /// Polls running builds with one call. A build that the provider refuses to describe delays only its own job.
    async fn poll_running(&self, rows: Vec<Row>) {
        let ids: Vec<BuildId> = rows.iter().filter_map(|row| row.build().map(|build| build.id.clone())).collect();
        let described = describe_builds(&self.provider, &ids).await;
        for (row, id) in rows.into_iter().zip(ids) {
            let observation = match described.builds.iter().find(|build| build.id == id) {
                Some(build) => Observation::BuildDescribed { build: build.clone(), claims_final: false },
                None => match described.error_of(&id) {
                    Some(error) => Observation::QueryFailed(error.to_owned()),
                    None => Observation::BuildMissing(id),
                },
            };
            self.spawn_drive(row, observation).await;
        }
    }
}

/// Whether a due row only needs a poll of its build.
fn needs_only_polling(row: &Row) -> bool {
    matches!(row.phase, Phase::Running { .. }) && row.desired == DesiredState::Run
}

/// Whether no build of the job is known yet, though it is to run.
fn waits_for_build(row: &Row) -> bool {
    let is_before_build = matches!(row.phase, Phase::Received | Phase::Accepted { .. } | Phase::Starting { .. });
    is_before_build && row.desired == DesiredState::Run && row.quarantined.is_none()
}

/// The shard with which a search of the index begins, so that workers do not all begin with the same one.
pub(crate) fn first_shard(instance: &str) -> u8 {
    instance.bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_tasks::TaskPool;
    use crate::quarantine::Quarantine;
    use crate::stubs::{ClockStub, DriverStub, LedgerStub, NOW, ProviderStub, row};

    #[tokio::test]
    async fn due_rows_are_driven_unless_in_flight() {
        let ledger = LedgerStub::default();
        (1..=3).for_each(|number| ledger.put(&row(number)));
        ledger.put(&Row { phase_due_at: Some(NOW + Duration::from_secs(1)), ..row(4) });
        let (clock, pool) = (ClockStub(Some(NOW)), Arc::new(TaskPool::new(2)));
        let rows = Arc::new(RowStore::new(ledger, "a"));
        let quarantine = Arc::new(Quarantine::new(Arc::clone(&rows), clock));
        let driver = Arc::new(DriverStub::default());
        let sweeper = Sweeper::new(
            rows,
            clock,
            ProviderStub::default(),
            Arc::clone(&driver),
            Arc::new(JobTasks::new(Arc::clone(&pool), quarantine)),
            Arc::default(),
            Arc::default(),
        );
        let _in_flight = sweeper.in_flight.mark(&row(2).key);
        sweeper.sweep_once(0, &CancellationToken::new()).await.unwrap();
        pool.drain().await;
        let mut driven: Vec<JobKey> = driver.calls().into_iter().map(|(key, ..)| key).collect();
        driven.sort();
        let mut due = vec![row(1).key, row(3).key];
        due.sort();
        assert_eq!(driven, due);
    }
}
