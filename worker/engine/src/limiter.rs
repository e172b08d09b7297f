//! Who may send next, where not everybody may: builds at a provider's limit, tellings to a slow forge.

mod aimd;
mod permit;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorbell_messages::{JobKey, ProjectName};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::domain::{Admission, Timestamp};
use aimd::AdaptiveLimit;
pub(crate) use aimd::LimiterConfig;
use permit::PermitSource;
pub(crate) use permit::{CallResult, Permit};

/// Jobs that one worker keeps in line. Those beyond it wait for their due times alone.
const MAX_WAITERS: usize = 10_000;

/// The limits of one kind and the jobs that wait before them, as this worker knows them. A hint, as everything in
/// memory is: each job that waits here has a due time in the ledger, too.
#[derive(Debug)]
pub(crate) struct ConcurrencyLimiter {
    config: LimiterConfig,
    state: Mutex<LimiterState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct LimiterState {
    limits: BTreeMap<String, AdaptiveLimit>,
    waiting: BTreeMap<QueueKey, BTreeSet<(Timestamp, JobKey)>>,
    /// Whose turn it is: each queue that has somebody waiting, once.
    round_robin: VecDeque<QueueKey>,
    waiting_count: usize,
}

/// One project's jobs before one destination.
type QueueKey = (String, ProjectName);

/// A job whose turn has come.
#[derive(Debug)]
pub(crate) struct ReadyJob {
    pub(crate) key: JobKey,
    pub(crate) permit: Permit,
}

impl ConcurrencyLimiter {
    pub(crate) fn new(limits: LimiterConfig) -> Arc<Self> {
        Arc::new(Self { config: limits, state: Mutex::default(), changed: Notify::new() })
    }

    /// Leave to send without having waited. Nobody gets it past those who wait.
    pub(crate) fn try_acquire(self: &Arc<Self>, destination: &str) -> Result<Permit, Admission> {
        let now = Instant::now();
        let mut state = self.state();
        let has_waiters = state.round_robin.iter().any(|(of, _)| of == destination);
        let limit = state.limits.entry(destination.to_owned()).or_insert_with(|| AdaptiveLimit::new(&self.config));
        match limit.permit_source(now).filter(|_| !has_waiters) {
            Some(source) => Ok(self.issue_permit(limit, destination, source, destination)),
            None if limit.is_closed() => Err(Admission::Closed),
            None => Err(Admission::Queued),
        }
    }

    /// Puts a job in line; one that is there stays where it is.
    pub(crate) fn enqueue(&self, destination: &str, project: &ProjectName, since: Timestamp, key: &JobKey) {
        let mut state = self.state();
        if state.waiting_count >= MAX_WAITERS {
            return;
        }
        let queue = (destination.to_owned(), project.clone());
        let jobs = state.waiting.entry(queue.clone()).or_default();
        let is_first = jobs.is_empty();
        if jobs.insert((since, key.clone())) {
            state.waiting_count += 1;
        }
        if is_first {
            state.round_robin.push_back(queue);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Something that the destination's limit counts has ended: one more may go, whatever the destination believes. True if nobody
    /// waits for it here; elsewhere somebody may.
    pub(crate) fn release_slot(&self, destination: &str) -> bool {
        let mut state = self.state();
        if let Some(limit) = state.limits.get_mut(destination) {
            limit.add_freed_slot();
        }
        let has_no_waiters = state.round_robin.is_empty();
        drop(state);
        self.changed.notify_one();
        has_no_waiters
    }

    /// Jobs of other workers wait at this destination: whatever was believed of it here, it is narrow.
    pub(crate) fn note_remote_waiters(&self, destination: &str) {
        let mut state = self.state();
        state.limits.entry(destination.to_owned()).or_insert_with(|| AdaptiveLimit::new(&self.config)).shrink_to_one();
    }

    /// The next job whose turn it is, as soon as there is one.
    pub(crate) async fn next_ready(self: &Arc<Self>) -> ReadyJob {
        loop {
            let changed = self.changed.notified();
            let look_again = match self.try_next_ready() {
                Ok(ready) => return ready,
                Err(look_again) => look_again,
            };
            match look_again {
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

    /// Round robin over the places; within one, the oldest job. Otherwise when to look again, if time alone can help.
    fn try_next_ready(self: &Arc<Self>) -> Result<ReadyJob, Option<Instant>> {
        let now = Instant::now();
        let mut state = self.state();
        let LimiterState { limits, waiting, round_robin, waiting_count } = &mut *state;
        for position in 0..round_robin.len() {
            let Some(queue) = round_robin.get(position).cloned() else { continue };
            let Some((source, of)) = find_permit_source(limits, &queue.0, now) else { continue };
            let Some((_, key)) = waiting.get_mut(&queue).and_then(BTreeSet::pop_first) else { continue };
            *waiting_count -= 1;
            round_robin.remove(position);
            if waiting.get(&queue).is_some_and(|jobs| !jobs.is_empty()) {
                round_robin.push_back(queue.clone());
            } else {
                waiting.remove(&queue);
            }
            let Some(limit) = limits.get_mut(&of) else { continue };
            return Ok(ReadyJob { key, permit: self.issue_permit(limit, &queue.0, source, &of) });
        }
        Err(round_robin
            .iter()
            .filter_map(|(destination, _)| limits.get(destination)?.retry_at())
            .filter(|at| *at > now)
            .min())
    }

    fn issue_permit(
        self: &Arc<Self>,
        lender: &mut AdaptiveLimit,
        destination: &str,
        source: PermitSource,
        of: &str,
    ) -> Permit {
        lender.take(source);
        Permit::new(Arc::clone(self), destination.to_owned(), source, of.to_owned())
    }

    fn state(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What lets a job through this destination, and which destination pays for it. Where the account is at its limit, what ends in one
/// pool makes room in every other one; a pool that was refused then has a limit of its own, and waits for its own.
fn find_permit_source(
    limits: &BTreeMap<String, AdaptiveLimit>,
    destination: &str,
    now: Instant,
) -> Option<(PermitSource, String)> {
    let own = limits.get(destination)?;
    if let Some(source) = own.permit_source(now) {
        return Some((source, destination.to_owned()));
    }
    if own.has_group_limit(now) {
        return None;
    }
    let lender = limits.iter().find(|(name, other)| name.as_str() != destination && other.has_freed_slot())?;
    Some((PermitSource::FreedSlot, lender.0.clone()))
}

#[cfg(test)]
mod tests;
