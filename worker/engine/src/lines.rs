//! Who may send next, where not everybody may: builds at a provider's limit, tellings to a slow forge.

mod gate;
mod permit;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorbell_messages::{JobKey, ProjectName};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::domain::{Passage, Timestamp};
use gate::Gate;
pub(crate) use gate::Limits;
use permit::Right;
pub(crate) use permit::{Outcome, Permit};

/// Jobs that one worker keeps in line. Those beyond it wait for their due times alone.
const MOST_WAITING: usize = 10_000;

/// The gates of one kind and the jobs that wait before them, as this worker knows them. A hint, as everything in
/// memory is: each job that waits here has a due time in the ledger, too.
#[derive(Debug)]
pub(crate) struct Lines {
    limits: Limits,
    state: Mutex<State>,
    moved: Notify,
}

#[derive(Debug, Default)]
struct State {
    gates: BTreeMap<String, Gate>,
    waiting: BTreeMap<Place, BTreeSet<(Timestamp, JobKey)>>,
    /// Whose turn it is: each place that has somebody waiting, once.
    ring: VecDeque<Place>,
    length: usize,
}

/// One project's jobs before one gate.
type Place = (String, ProjectName);

/// A job whose turn has come.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) key: JobKey,
    pub(crate) permit: Permit,
}

impl Lines {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default(), moved: Notify::new() })
    }

    /// Leave to send without having waited. Nobody gets it past those who wait.
    pub(crate) fn enter(self: &Arc<Self>, gate: &str) -> Result<Permit, Passage> {
        let now = Instant::now();
        let mut state = self.state();
        let is_waited_for = state.ring.iter().any(|(of, _)| of == gate);
        let there = state.gates.entry(gate.to_owned()).or_insert_with(|| Gate::new(&self.limits));
        match there.right(now).filter(|_| !is_waited_for) {
            Some(right) => Ok(self.permit(there, gate, right, gate)),
            None if there.is_closed() => Err(Passage::Closed),
            None => Err(Passage::Busy),
        }
    }

    /// Puts a job in line; one that is there stays where it is.
    pub(crate) fn wait(&self, gate: &str, project: &ProjectName, since: Timestamp, key: &JobKey) {
        let mut state = self.state();
        if state.length >= MOST_WAITING {
            return;
        }
        let place = (gate.to_owned(), project.clone());
        let jobs = state.waiting.entry(place.clone()).or_default();
        let is_first = jobs.is_empty();
        if jobs.insert((since, key.clone())) {
            state.length += 1;
        }
        if is_first {
            state.ring.push_back(place);
        }
        drop(state);
        self.moved.notify_one();
    }

    /// Something that the gate's limit counts has ended: one more may go, whatever the gate believes. True if nobody
    /// waits for it here; elsewhere somebody may.
    pub(crate) fn freed(&self, gate: &str) -> bool {
        let mut state = self.state();
        if let Some(there) = state.gates.get_mut(gate) {
            there.credit();
        }
        let is_lonely = state.ring.is_empty();
        drop(state);
        self.moved.notify_one();
        is_lonely
    }

    /// Jobs of other workers wait at this gate: whatever was believed of it here, it is narrow.
    pub(crate) fn is_narrow_elsewhere(&self, gate: &str) {
        let mut state = self.state();
        state.gates.entry(gate.to_owned()).or_insert_with(|| Gate::new(&self.limits)).narrow();
    }

    /// The next job whose turn it is, as soon as there is one.
    pub(crate) async fn turn(self: &Arc<Self>) -> Turn {
        loop {
            let moved = self.moved.notified();
            let look_again = match self.take_next() {
                Ok(turn) => return turn,
                Err(look_again) => look_again,
            };
            match look_again {
                None => moved.await,
                Some(at) => {
                    tokio::select! {
                        biased;
                        () = moved => {}
                        () = tokio::time::sleep_until(at) => {}
                    }
                }
            }
        }
    }

    /// Round robin over the places; within one, the oldest job. Otherwise when to look again, if time alone can help.
    fn take_next(self: &Arc<Self>) -> Result<Turn, Option<Instant>> {
        let now = Instant::now();
        let mut state = self.state();
        let State { gates, waiting, ring, length } = &mut *state;
        for turn in 0..ring.len() {
            let Some(place) = ring.get(turn).cloned() else { continue };
            let Some((right, of)) = right_of(gates, &place.0, now) else { continue };
            let Some((_, key)) = waiting.get_mut(&place).and_then(BTreeSet::pop_first) else { continue };
            *length -= 1;
            ring.remove(turn);
            if waiting.get(&place).is_some_and(|jobs| !jobs.is_empty()) {
                ring.push_back(place.clone());
            } else {
                waiting.remove(&place);
            }
            let Some(there) = gates.get_mut(&of) else { continue };
            return Ok(Turn { key, permit: self.permit(there, &place.0, right, &of) });
        }
        Err(ring.iter().filter_map(|(gate, _)| gates.get(gate)?.opens_at()).filter(|at| *at > now).min())
    }

    fn permit(self: &Arc<Self>, payer: &mut Gate, gate: &str, right: Right, of: &str) -> Permit {
        payer.pay(right);
        Permit::new(Arc::clone(self), gate.to_owned(), right, of.to_owned())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What lets a job through this gate, and which gate pays for it. Where the account is at its limit, what ends in one
/// pool makes room in every other one; a pool that was refused then has a limit of its own, and waits for its own.
fn right_of(gates: &BTreeMap<String, Gate>, gate: &str, now: Instant) -> Option<(Right, String)> {
    let own = gates.get(gate)?;
    if let Some(right) = own.right(now) {
        return Some((right, gate.to_owned()));
    }
    if own.has_its_own_limit(now) {
        return None;
    }
    let donor = gates.iter().find(|(name, other)| name.as_str() != gate && other.has_credit())?;
    Some((Right::Credit, donor.0.clone()))
}

#[cfg(test)]
mod tests;
