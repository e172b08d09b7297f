//! Reads the registry for all jobs of this worker: no job costs a call of its own.
//!
//! A *pass* lists the registered names. Documents of registered projects are read in gathered calls. A name that is not
//! known waits for a single read or for a pass, whichever comes first, and cannot delay a registered project.

mod pace;
mod passes;

use std::sync::Arc;
use std::time::Duration;

use doorbell_messages::{JobKey, ProjectName};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::domain::{Observation, PolicyLookup, Timestamp};
use crate::drive::JobDriver;
use crate::job_tasks::JobTasks;
use crate::policy_cache::{PolicyCache, WantedRead};
use crate::ports::{Clock, JobLedger, NameStore, ProjectRead, ProjectRegistry, RegistryError};
use crate::row_store::RowStore;

use pace::CallPace;

/// Time between two pages of a pass, and between two single reads, unless calls are throttled.
const PAGE_INTERVAL: Duration = Duration::from_secs(1);

/// Time between two gathered reads of registered projects.
const GATHERED_READ_INTERVAL: Duration = Duration::from_millis(500);

/// How long a read of a registered project waits for others that join it.
const GATHER_WINDOW: Duration = Duration::from_millis(20);

/// Projects that one read is for. With the document that applies to all of them these are as many as SSM's GetParameters
/// takes.
const MAX_GATHERED: usize = 9;

/// Tries of a gathered read that is throttled, before its jobs wait for their own due times.
const MAX_THROTTLED_READS: u32 = 6;

/// Pause after a failed single read, doubled each time.
const SINGLE_READ_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause after a failed call.
const MAX_PAUSE: Duration = Duration::from_secs(3 * 60);

/// Jobs of unknown projects that are ended at once, and jobs of registered ones that are driven at once.
///
/// They take no capacity from other jobs, and a flood of one kind takes none from the other.
const MAX_CONCURRENT_REJECTIONS: usize = 4;
const MAX_CONCURRENT_DRIVES: usize = 64;

/// Reads the registry, and drives the jobs that wait for it.
#[derive(Debug)]
pub(crate) struct RegistryReader<R, N, L, C, D> {
    registry: R,
    stored_names: N,
    policies: Arc<PolicyCache>,
    pace: CallPace,
    clock: C,
    rows: Arc<RowStore<L>>,
    driver: Arc<D>,
    tasks: Arc<JobTasks<L, C>>,
    rejections: Arc<Semaphore>,
    drives: Arc<Semaphore>,
}

impl<R, N, L, C, D> RegistryReader<R, N, L, C, D>
where
    R: ProjectRegistry,
    N: NameStore,
    L: JobLedger + 'static,
    C: Clock + 'static,
    D: JobDriver,
{
    pub(crate) fn new(
        registry: R,
        stored_names: N,
        policies: Arc<PolicyCache>,
        clock: C,
        rows: Arc<RowStore<L>>,
        driver: Arc<D>,
        tasks: Arc<JobTasks<L, C>>,
    ) -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        let (rejections, drives) = (semaphore(MAX_CONCURRENT_REJECTIONS), semaphore(MAX_CONCURRENT_DRIVES));
        let pace = CallPace::default();
        Self { registry, stored_names, policies, pace, clock, rows, driver, tasks, rejections, drives }
    }

    /// Reads until `stop`. Returns no error: a failed call is logged and repeated.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let names = async { futures_util::join!(self.run_passes(), self.read_unknown()) };
        futures_util::join!(stop.run_until_cancelled(names), self.read_registered(&stop));
    }

    /// Reads the registered projects for which jobs wait. False if none does.
    ///
    /// A worker that ends calls it last: such a job is in no task, and its due time is a minute away.
    pub(crate) async fn read_waiting(&self) -> bool {
        let (mut throttled, mut has_read) = (0, false);
        loop {
            let wanted = self.policies.take_wanted(MAX_GATHERED);
            if wanted.is_empty() {
                return has_read;
            }
            has_read = true;
            let called_at = Instant::now();
            throttled = self.read_gathered(wanted, throttled).await;
            tokio::time::sleep_until(called_at + GATHERED_READ_INTERVAL).await;
        }
    }

    async fn wait_for_time(&self) -> Timestamp {
        loop {
            match self.clock.now() {
                Some(now) => return now,
                None => tokio::time::sleep(PAGE_INTERVAL).await,
            }
        }
    }

    /// Reads the documents of registered projects for which jobs wait, several in one call.
    async fn read_registered(&self, stop: &CancellationToken) {
        while stop.run_until_cancelled(self.policies.read_wanted.notified()).await.is_some() {
            tokio::time::sleep(GATHER_WINDOW).await;
            self.read_waiting().await;
        }
    }

    /// Returns how often reads were throttled in a row.
    async fn read_gathered(&self, wanted: Vec<WantedRead>, throttled: u32) -> u32 {
        let names: Vec<ProjectName> = wanted.iter().map(|(name, _)| name.clone()).collect();
        let read = self.registry.read(&names).await;
        self.note_throttling(&read);
        match read {
            Ok(reads) => {
                for ((name, jobs), read) in wanted.into_iter().zip(reads) {
                    self.apply_read(&name, jobs, read).await;
                }
                0
            }
            Err(RegistryError::Throttled(_)) if throttled < MAX_THROTTLED_READS => {
                self.policies.put_back(wanted);
                throttled + 1
            }
            Err(error) => {
                warn!(projects = wanted.len(), "registry read failed: {error}");
                let jobs = wanted.into_iter().flat_map(|(_, jobs)| jobs).collect();
                self.drive(jobs, &PolicyLookup::Unavailable(error.to_string()));
                0
            }
        }
    }

    async fn apply_read(&self, name: &ProjectName, jobs: Vec<JobKey>, read: ProjectRead) {
        match read {
            ProjectRead::Found(documents) => {
                let lookup = self.policies.store(name, &documents);
                self.drive(jobs, &lookup);
            }
            ProjectRead::Missing => {
                let now = self.wait_for_time().await;
                self.policies.forget(name, &jobs, now);
            }
            ProjectRead::Failed(reason) => {
                warn!(project = %name, "registry read failed: {reason}");
                self.drive(jobs, &PolicyLookup::Unavailable(reason));
            }
        }
    }

    /// Reads names that are not known, one at a time: a project that was registered a moment ago need not wait for a pass.
    async fn read_unknown(&self) {
        let mut pause = SINGLE_READ_PAUSE;
        loop {
            let Some(name) = self.policies.next_to_read() else {
                self.policies.name_asked.notified().await;
                continue;
            };
            let called_at = Instant::now();
            let read = self.registry.read_one(&name).await;
            self.note_throttling(&read);
            match read {
                Ok(Some(documents)) => {
                    pause = SINGLE_READ_PAUSE;
                    self.pace.speed_up();
                    let lookup = self.policies.store(&name, &documents);
                    let jobs = self.policies.add_found(&name);
                    self.drive(jobs, &lookup);
                }
                Ok(None) => {
                    pause = SINGLE_READ_PAUSE;
                    self.pace.speed_up();
                    self.reject(self.policies.note_missed(&name));
                }
                Err(error) => {
                    info!(project = %name, "registry read failed, will retry: {error}");
                    self.policies.retry_read(name);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(MAX_PAUSE);
                }
            }
            tokio::time::sleep_until(called_at + self.pace.interval()).await;
        }
    }

    /// Slows the calls down that no registered project waits for, where a call was throttled.
    fn note_throttling<T>(&self, result: &Result<T, RegistryError>) {
        if matches!(result, Err(RegistryError::Throttled(_))) {
            self.pace.slow_down();
        }
    }

    /// Drives jobs whose policy is known now.
    fn drive(&self, jobs: Vec<JobKey>, lookup: &PolicyLookup) {
        jobs.into_iter().for_each(|key| self.spawn(key, lookup.clone(), &self.drives));
    }

    /// Ends the jobs of projects that are not registered.
    fn reject(&self, jobs: Vec<JobKey>) {
        jobs.into_iter().for_each(|key| self.spawn(key, PolicyLookup::NotRegistered, &self.rejections));
    }

    fn spawn(&self, key: JobKey, lookup: PolicyLookup, limit: &Arc<Semaphore>) {
        let (rows, driver, limit) = (Arc::clone(&self.rows), Arc::clone(&self.driver), Arc::clone(limit));
        self.tasks.spawn(key.clone(), async move {
            // The semaphore is never closed.
            let _permit = limit.acquire_owned().await;
            if let Some(row) = rows.recent_or_load(&key).await {
                driver.drive(row, Observation::PolicyRead(lookup), None).await;
            }
        });
    }
}
