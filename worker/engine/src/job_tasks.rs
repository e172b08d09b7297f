//! Tasks of one worker: at most so many jobs at once, and a panic ends only its own task.

use std::future::Future;
use std::sync::Arc;

use doorbell_messages::JobKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::panics::catch_panic;
use crate::ports::{Clock, JobLedger};
use crate::quarantine::Quarantine;

/// Capacity for jobs in flight; one that holds several can be split.
pub(crate) type CapacityPermit = OwnedSemaphorePermit;

/// The tasks of one worker, and the capacity that bounds its jobs in flight.
#[derive(Debug)]
pub(crate) struct TaskPool {
    tracker: TaskTracker,
    capacity: Arc<Semaphore>,
    max_in_flight: usize,
}

impl TaskPool {
    pub(crate) fn new(max_in_flight: usize) -> Self {
        Self { tracker: TaskTracker::new(), capacity: Arc::new(Semaphore::new(max_in_flight)), max_in_flight }
    }

    /// Waits for capacity for so many jobs, or for all that there is. None is never returned while the worker runs.
    pub(crate) async fn acquire(&self, jobs: usize) -> Option<CapacityPermit> {
        let permits = u32::try_from(jobs.min(self.max_in_flight)).unwrap_or(u32::MAX);
        Arc::clone(&self.capacity).acquire_many_owned(permits).await.ok()
    }

    /// The capacity that is free.
    #[cfg(test)]
    pub(crate) fn free_capacity(&self) -> usize {
        self.capacity.available_permits()
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(work);
    }

    /// Waits until all tasks have ended.
    pub(crate) async fn drain(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// Tasks that each process one job. A panic is recorded in the job's row.
#[derive(Debug)]
pub(crate) struct JobTasks<L, C> {
    pool: Arc<TaskPool>,
    quarantine: Arc<Quarantine<L, C>>,
}

impl<L: JobLedger + 'static, C: Clock + 'static> JobTasks<L, C> {
    pub(crate) fn new(pool: Arc<TaskPool>, quarantine: Arc<Quarantine<L, C>>) -> Self {
        Self { pool, quarantine }
    }

    /// The crash accounting of these tasks.
    pub(crate) fn quarantine(&self) -> &Arc<Quarantine<L, C>> {
        &self.quarantine
    }

    /// Spawns work for a job.
    pub(crate) fn spawn(&self, key: JobKey, work: impl Future<Output = ()> + Send + 'static) {
        let quarantine = Arc::clone(&self.quarantine);
        self.pool.spawn(async move {
            if catch_panic(work, &format!("handling {key}")).await.is_err() {
                quarantine.record_panic(&key).await;
            }
        });
    }

    /// Spawns work for a job as soon as there is capacity for it.
    pub(crate) async fn spawn_with_capacity(&self, key: JobKey, work: impl Future<Output = ()> + Send + 'static) {
        // Without capacity the row's due time brings it back.
        let Some(capacity) = self.pool.acquire(1).await else { return };
        self.spawn(key, async move {
            work.await;
            drop(capacity);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row_store::RowStore;
    use crate::stubs::{ClockStub, LedgerStub, NOW, row};

    #[tokio::test]
    async fn panic_is_recorded_in_the_row_and_frees_capacity() {
        let ledger = LedgerStub::with_row(&row(1));
        let pool = Arc::new(TaskPool::new(1));
        let rows = Arc::new(RowStore::new(ledger.clone(), "a"));
        let tasks = JobTasks::new(Arc::clone(&pool), Arc::new(Quarantine::new(rows, ClockStub(Some(NOW)))));
        tasks.spawn_with_capacity(row(1).key, async { panic!("poison") }).await;
        assert!(pool.acquire(5).await.is_some());
        pool.drain().await;
        assert!(ledger.row(&row(1).key).unwrap().crash_score > 0);
    }
}
