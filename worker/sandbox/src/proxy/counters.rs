//! Counters of calls and faults.
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fault::ProxyFault;

#[derive(Debug, Default)]
pub(super) struct ProxyCounters(Mutex<CounterMaps>);

#[derive(Debug, Default)]
struct CounterMaps {
    calls: BTreeMap<String, u64>,
    faults: BTreeMap<ProxyFault, u64>,
}

impl ProxyCounters {
    /// Counts a call and returns how many calls of that name came before it.
    pub(super) fn count_call(&self, name: &str) -> u64 {
        let mut counts = self.counts();
        let count = counts.calls.entry(name.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    pub(super) fn count_fault(&self, fault: ProxyFault) {
        *self.counts().faults.entry(fault).or_default() += 1;
    }

    pub(super) fn call_counts(&self) -> BTreeMap<String, u64> {
        self.counts().calls.clone()
    }

    pub(super) fn fault_counts(&self) -> BTreeMap<ProxyFault, u64> {
        self.counts().faults.clone()
    }

    fn counts(&self) -> MutexGuard<'_, CounterMaps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
