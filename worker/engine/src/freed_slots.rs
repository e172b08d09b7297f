//! Describes running builds while jobs wait for a slot: an event that is lost then costs a moment, not a minute.

use std::sync::Arc;

use doorbell_messages::{BuildId, JobKey};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admission::AdmissionController;
use crate::describe::describe_builds;
use crate::domain::{Observation, ProviderBuild};
use crate::drive::JobDriver;
use crate::job_tasks::JobTasks;
use crate::ports::{BuildProvider, Clock, JobLedger};
use crate::row_store::RowStore;
use crate::running_builds::MIN_POLL_INTERVAL;

/// Finds slots that were freed without an event.
#[derive(Debug)]
pub(crate) struct FreedSlotFinder<L, C, B, D> {
    rows: Arc<RowStore<L>>,
    provider: B,
    admission: Arc<AdmissionController<C>>,
    driver: Arc<D>,
    tasks: Arc<JobTasks<L, C>>,
}

impl<L, C, B, D> FreedSlotFinder<L, C, B, D>
where
    L: JobLedger + 'static,
    C: Clock + 'static,
    B: BuildProvider + 'static,
    D: JobDriver,
{
    pub(crate) fn new(
        rows: Arc<RowStore<L>>,
        provider: B,
        admission: Arc<AdmissionController<C>>,
        driver: Arc<D>,
        tasks: Arc<JobTasks<L, C>>,
    ) -> Self {
        Self { rows, provider, admission, driver, tasks }
    }

    /// Describes builds that are due, until `stop`, at most one call each [`MIN_POLL_INTERVAL`].
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let mut not_before = Instant::now();
        loop {
            let changed = self.admission.builds_changed.notified();
            let due = async {
                match self.admission.next_build_poll() {
                    Some(at) => tokio::time::sleep_until(at.max(not_before)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = changed => {}
                () = due => {
                    self.poll().await;
                    not_before = Instant::now() + MIN_POLL_INTERVAL;
                }
            }
        }
    }

    async fn poll(&self) {
        let due = self.admission.running_builds.take_due(self.provider.profile().max_describe_batch);
        let ids: Vec<BuildId> = due.iter().map(|(id, _)| id.clone()).collect();
        let mut described = describe_builds(&self.provider, &ids).await;
        for (id, job) in due {
            match described.builds.iter().position(|build| build.id == id) {
                Some(index) if described.builds[index].is_complete() => {
                    self.spawn_end(job, described.builds.swap_remove(index));
                }
                Some(_) => {}
                None if described.failed.contains_key(&id) => {}
                None => self.admission.running_builds.forget(&id),
            }
        }
    }

    /// Drives the job of a build that ended, as its event would have.
    fn spawn_end(&self, job: JobKey, build: ProviderBuild) {
        let (rows, driver, admission) = (Arc::clone(&self.rows), Arc::clone(&self.driver), Arc::clone(&self.admission));
        self.tasks.spawn(job.clone(), async move {
            let id = build.id.clone();
            if let Some(row) = rows.recent_or_load(&job).await {
                driver.drive(row, Observation::BuildDescribed { build, claims_final: false }, None).await;
            }
            // Another worker may have seen its end.
            admission.running_builds.forget(&id);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BuildOutcome, BuildState};
    use crate::job_tasks::TaskPool;
    use crate::quarantine::Quarantine;
    use crate::stubs::{
        ClockStub, DriverStub, LedgerStub, NOW, ProviderStub, config, described_build, row, running_row,
    };

    /// Runs a finder for a minute beside two running builds, one of which has ended. Returns what it drove.
    async fn run_for_a_minute(job_waits: bool) -> (Vec<JobKey>, usize) {
        let clock = ClockStub(Some(NOW));
        let ledger = LedgerStub::with_row(&running_row(1));
        let rows = Arc::new(RowStore::new(ledger, "a"));
        let admission = Arc::new(AdmissionController::new(clock, config()));
        let builds = [1, 2].map(|number| running_row(number).build().unwrap().id.clone());
        let mut ended = described_build(builds[0].as_str(), &row(1));
        ended.state = BuildState::Ended(BuildOutcome::Success);
        let running = described_build(builds[1].as_str(), &row(2));
        let provider = ProviderStub::with_builds(vec![ended, running]);
        let pool = Arc::new(TaskPool::new(1));
        let quarantine = Arc::new(Quarantine::new(Arc::clone(&rows), clock));
        let tasks = Arc::new(JobTasks::new(Arc::clone(&pool), quarantine));
        let driver = Arc::new(DriverStub::default());
        let finder = FreedSlotFinder::new(rows, provider.clone(), Arc::clone(&admission), Arc::clone(&driver), tasks);
        for number in [1, 2] {
            admission.running_builds.note(&running_row(number));
        }
        if job_waits {
            admission.build_limiter.enqueue("builds", &row(3).request.project, NOW, &row(3).key);
        }
        let _ = tokio::time::timeout(std::time::Duration::from_secs(60), finder.run(CancellationToken::new())).await;
        pool.drain().await;
        (driver.calls().into_iter().map(|(key, ..)| key).collect(), provider.describe_calls())
    }

    #[tokio::test(start_paused = true)]
    async fn end_without_an_event_is_found_while_a_job_waits() {
        let (driven, calls) = run_for_a_minute(true).await;
        assert_eq!(driven, [row(1).key]);
        assert!(calls < 60, "{calls} calls");
        assert_eq!(run_for_a_minute(false).await, (Vec::new(), 0));
    }
}
