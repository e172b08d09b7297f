//! What has passed.
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fault::Fault;

#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    calls: BTreeMap<String, u64>,
    faults: BTreeMap<Fault, u64>,
}

impl Tally {
    /// Counts a call; answers how many of that name came before it.
    pub(super) fn call(&self, name: &str) -> u64 {
        let mut counts = self.counts();
        let count = counts.calls.entry(name.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    pub(super) fn fault(&self, fault: Fault) {
        *self.counts().faults.entry(fault).or_default() += 1;
    }

    pub(super) fn calls(&self) -> BTreeMap<String, u64> {
        self.counts().calls.clone()
    }

    pub(super) fn faults(&self) -> BTreeMap<Fault, u64> {
        self.counts().faults.clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
