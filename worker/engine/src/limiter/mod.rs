//! Adaptive concurrency limits: for builds at a provider's limit, and for status reports to a slow forge.
//!
//! `aimd` is one plain AIMD limit, `waiters` queues jobs round robin, and `slot_lending` lends slots that are known to
//! be free while a limit is tripped.

mod aimd;
mod answer_times;
mod permit;
mod slot_lending;
mod waiters;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorbell_messages::{JobKey, ProjectName};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::domain::{Admission, Timestamp};
use crate::job_tasks::CapacityPermit;
pub(crate) use aimd::LimiterConfig;
use permit::PermitSource;
pub(crate) use permit::{CallResult, Permit};
use slot_lending::Destinations;
use waiters::WaitingJobs;

/// The limits of one kind, and the jobs that wait at them, as this worker knows them.
///
/// It is a hint, as everything in memory is: each job that waits here has a due time in the ledger, too.
#[derive(Debug)]
pub(crate) struct ConcurrencyLimiter {
    state: Mutex<LimiterState>,
    changed: Notify,
}

#[derive(Debug)]
struct LimiterState {
    destinations: Destinations,
    waiting: WaitingJobs,
}

/// A job that may run now.
#[derive(Debug)]
pub(crate) struct ReadyJob {
    pub(crate) key: JobKey,
    pub(crate) permit: Permit,
    /// What it kept while it waited.
    pub(crate) capacity: Option<CapacityPermit>,
}

impl ConcurrencyLimiter {
    pub(crate) fn new(config: LimiterConfig) -> Arc<Self> {
        let state = LimiterState { destinations: Destinations::new(config), waiting: WaitingJobs::default() };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new() })
    }

    /// Acquires a permit without queueing; fails if other jobs are already queued.
    pub(crate) fn try_acquire(self: &Arc<Self>, destination: &str) -> Result<Permit, Admission> {
        let now = Instant::now();
        let mut state = self.state();
        let has_waiters = state.waiting.has_any_for(destination);
        let entry = state.destinations.entry(destination);
        match entry.permit_source(now).filter(|_| !has_waiters) {
            Some(source) => {
                entry.take(source);
                Ok(Permit::new(Arc::clone(self), destination.to_owned(), source, destination.to_owned()))
            }
            None if entry.limit.is_tripped() => Err(Admission::Closed),
            None => Err(Admission::Queued),
        }
    }

    /// Queues a job; one that is queued keeps its place.
    pub(crate) fn enqueue(&self, destination: &str, project: &ProjectName, since: Timestamp, key: &JobKey) {
        if self.state().waiting.enqueue(destination, project, since, key) {
            self.changed.notify_one();
        }
    }

    /// Lets a job that waits at an open destination keep its capacity, so that fewer others are received meanwhile.
    ///
    /// Returns the capacity of a job that does not wait here, or waits for longer.
    pub(crate) fn keep_capacity(&self, key: &JobKey, capacity: CapacityPermit) -> Option<CapacityPermit> {
        let mut state = self.state();
        let LimiterState { destinations, waiting } = &mut *state;
        let Some(destination) = waiting.destination_of(key).map(str::to_owned) else { return Some(capacity) };
        let limit = &destinations.entry(&destination).limit;
        if limit.is_tripped() || waiting.count_capacities(&destination) >= limit.kept_capacities() {
            return Some(capacity);
        }
        waiting.keep_capacity(key, capacity);
        None
    }

    /// Frees what a job that still waits has kept.
    pub(crate) fn free_capacity(&self, key: &JobKey) {
        drop(self.state().waiting.take_capacity(key));
    }

    /// Releases a slot of the destination: one more call may pass, even while its limit is tripped.
    ///
    /// True if no job waits in this worker. Jobs may wait in others.
    pub(crate) fn release_slot(&self, destination: &str) -> bool {
        let mut state = self.state();
        state.destinations.add_freed_slot(destination);
        let has_no_waiters = state.waiting.is_empty();
        drop(state);
        self.changed.notify_one();
        has_no_waiters
    }

    /// Jobs of other workers wait at this destination: its limit is at most one, also if this worker estimated more.
    pub(crate) fn note_remote_waiters(&self, destination: &str) {
        self.state().destinations.entry(destination).limit.shrink_to_one();
    }

    /// Whether a job waits in this worker, at any destination.
    pub(crate) fn has_waiters(&self) -> bool {
        !self.state().waiting.is_empty()
    }

    /// Waits for the next job that may run.
    pub(crate) async fn next_ready(self: &Arc<Self>) -> ReadyJob {
        loop {
            let changed = self.changed.notified();
            let retry_at = match self.try_next_ready() {
                Ok(ready) => return ready,
                Err(retry_at) => retry_at,
            };
            match retry_at {
                None => changed.await,
                Some(at) => {
                    tokio::select! {
                        biased;
                        () = changed => {}
                        () = tokio::time::sleep_until(at) => {}
                    }
                }
            }
        }
    }

    /// The next job, round robin over projects, and the oldest one of a project.
    ///
    /// Returns `Err` where no job may run: with the time at which a limit can be probed, if one is tripped.
    fn try_next_ready(self: &Arc<Self>) -> Result<ReadyJob, Option<Instant>> {
        let now = Instant::now();
        let mut state = self.state();
        let LimiterState { destinations, waiting } = &mut *state;
        let Some((key, destination, (source, lender))) =
            waiting.pop_first(|destination| destinations.find_permit_source(destination, now))
        else {
            let retry_at = waiting.destinations().filter_map(|destination| destinations.retry_at(destination));
            return Err(retry_at.filter(|at| *at > now).min());
        };
        destinations.entry(&lender).take(source);
        let capacity = waiting.take_capacity(&key);
        Ok(ReadyJob { key, permit: Permit::new(Arc::clone(self), destination, source, lender), capacity })
    }

    /// Records the result of the call for which a permit was issued.
    fn record(&self, destination: &str, source: PermitSource, lender: &str, result: CallResult) {
        let mut state = self.state();
        let LimiterState { destinations, waiting } = &mut *state;
        destinations.record(destination, source, lender, result, Instant::now());
        if destinations.entry(lender).limit.is_tripped() {
            waiting.free_capacities(lender);
        }
        drop(state);
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
