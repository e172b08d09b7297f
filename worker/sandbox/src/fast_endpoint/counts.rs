//! What the endpoint counts, to judge and to compare its callers.
use std::collections::{BTreeMap, HashMap};

use tokio::time::Instant;

/// The calls and writes of one run.
#[derive(Debug, Default)]
pub(super) struct EndpointCounts {
    calls: BTreeMap<String, u64>,
    /// Ledger writes by the row's key.
    writes: HashMap<String, u32>,
    first_receive: Option<Instant>,
    /// The last call that was neither ReceiveMessage nor Query.
    last_change: Option<Instant>,
    faults: u64,
    throttled: u64,
}

impl EndpointCounts {
    /// Counts a call and returns its number among those of its operation.
    pub(super) fn record_call(&mut self, operation: &str) -> u64 {
        if operation == "ReceiveMessage" {
            self.first_receive.get_or_insert_with(Instant::now);
        } else if operation != "Query" {
            self.last_change = Some(Instant::now());
        }
        match self.calls.get_mut(operation) {
            Some(count) => {
                *count += 1;
                *count - 1
            }
            None => {
                self.calls.insert(operation.to_owned(), 1);
                0
            }
        }
    }

    pub(super) fn record_fault(&mut self) {
        self.faults += 1;
    }

    /// Counts a call beyond a quota.
    pub(super) fn record_throttled(&mut self) {
        self.throttled += 1;
    }

    /// Counts a write of a row. Items that are no rows, whose keys begin with `#`, do not count.
    pub(super) fn record_write(&mut self, key: &str) {
        if key.starts_with('#') {
            return;
        }
        match self.writes.get_mut(key) {
            Some(count) => *count += 1,
            None => drop(self.writes.insert(key.to_owned(), 1)),
        }
    }

    pub(super) fn first_receive(&self) -> Option<Instant> {
        self.first_receive
    }

    pub(super) fn last_change(&self) -> Option<Instant> {
        self.last_change
    }

    /// Forgets everything; a later scenario step counts from zero.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(super) fn snapshot(&self) -> CallCounts {
        let mut writes_per_row = BTreeMap::new();
        for count in self.writes.values() {
            *writes_per_row.entry(*count).or_default() += 1;
        }
        CallCounts { calls: self.calls.clone(), writes_per_row, faults: self.faults, throttled: self.throttled }
    }
}

/// The counts at one moment.
#[derive(Debug, Clone, Default)]
pub struct CallCounts {
    /// Calls by operation; the forge's is `PostFlag`.
    pub calls: BTreeMap<String, u64>,
    /// A histogram: how many rows were written once, twice, …
    pub writes_per_row: BTreeMap<u32, u64>,
    /// Calls that failed because a fault was set.
    pub faults: u64,
    /// Calls beyond SSM's quota.
    pub throttled: u64,
}

impl CallCounts {
    /// The calls of one operation.
    pub fn of(&self, operation: &str) -> u64 {
        self.calls.get(operation).copied().unwrap_or_default()
    }

    /// All calls, but those of the forge.
    pub fn aws(&self) -> u64 {
        self.calls.iter().filter(|(operation, _)| *operation != "PostFlag").map(|(_, count)| count).sum()
    }
}
