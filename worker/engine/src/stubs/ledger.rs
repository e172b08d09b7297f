use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use doorbell_messages::JobKey;

use crate::domain::{CountOutcome, HourlyCount, OrderItem, OrderScope, Row, Timestamp};
use crate::ports::{
    BuildSlots, Cursor, DuePage, InsertOutcome, JobCounter, JobLedger, LoadError, OrderLedger, PortError,
    UpdateOutcome, shard_of,
};

/// What happens to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteFault {
    /// It never reaches the ledger.
    Fail,
    /// The ledger has it, and the reply is lost.
    LoseReply,
    /// The ledger has it, and a retry inside the SDK reports a conflict.
    ReportConflict,
    /// Another process writes the row first.
    LoseRace,
}

/// A table in memory whose writes fail as scripted.
#[derive(Debug, Clone, Default)]
pub(crate) struct LedgerStub(Arc<Mutex<StubState>>);

#[derive(Debug, Default)]
struct StubState {
    rows: BTreeMap<JobKey, Row>,
    newer_schema: BTreeMap<JobKey, u32>,
    orders: BTreeMap<OrderScope, OrderItem>,
    hours: BTreeMap<String, BTreeSet<String>>,
    slots: BTreeSet<JobKey>,
    order_faults: Vec<WriteFault>,
    faults: Vec<WriteFault>,
    delayed: BTreeSet<JobKey>,
    updates: usize,
    loads: usize,
}

impl LedgerStub {
    pub(crate) fn with_row(row: &Row) -> Self {
        let ledger = Self::default();
        ledger.put(row);
        ledger
    }

    pub(crate) fn put(&self, row: &Row) {
        self.0.lock().unwrap().rows.insert(row.key.clone(), row.clone());
    }

    /// How many rows were read.
    pub(crate) fn loads(&self) -> usize {
        self.0.lock().unwrap().loads
    }

    /// Makes a row one that a newer worker wrote.
    pub(crate) fn set_newer_schema(&self, row: &Row) {
        self.put(row);
        self.0.lock().unwrap().newer_schema.insert(row.key.clone(), 2);
    }

    /// What happens to the next writes, in this order; the others succeed.
    pub(crate) fn script(&self, faults: &[WriteFault]) {
        self.0.lock().unwrap().faults = faults.iter().rev().copied().collect();
    }

    /// An insert that holds this row takes a minute.
    pub(crate) fn delay_inserts(&self, key: &JobKey) {
        self.0.lock().unwrap().delayed.insert(key.clone());
    }

    pub(crate) fn remove(&self, key: &JobKey) {
        self.0.lock().unwrap().rows.remove(key);
    }

    /// What happens to the next writes of order items.
    pub(crate) fn script_orders(&self, faults: &[WriteFault]) {
        self.0.lock().unwrap().order_faults = faults.iter().rev().copied().collect();
    }

    pub(crate) fn order(&self, row: &Row) -> OrderItem {
        self.0.lock().unwrap().orders.get(&OrderScope::of(row)).cloned().unwrap_or_default()
    }

    pub(crate) fn row(&self, key: &JobKey) -> Option<Row> {
        self.0.lock().unwrap().rows.get(key).cloned()
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        self.0.lock().unwrap().rows.values().cloned().collect()
    }

    /// How many updates were tried.
    pub(crate) fn updates(&self) -> usize {
        self.0.lock().unwrap().updates
    }
}

impl JobLedger for LedgerStub {
    async fn insert(&self, rows: &[Row]) -> Vec<Result<InsertOutcome, PortError>> {
        let is_delayed = rows.iter().any(|row| self.0.lock().unwrap().delayed.contains(&row.key));
        if is_delayed {
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        }
        let mut state = self.0.lock().unwrap();
        rows.iter()
            .map(|row| {
                let fault = state.faults.pop();
                if fault == Some(WriteFault::Fail) {
                    return Err(PortError("down".to_owned()));
                }
                if state.rows.contains_key(&row.key) {
                    return Ok(InsertOutcome::AlreadyExists);
                }
                state.rows.insert(row.key.clone(), row.clone());
                match fault {
                    Some(WriteFault::LoseReply) => Err(PortError("reply lost".to_owned())),
                    Some(WriteFault::ReportConflict) => Ok(InsertOutcome::AlreadyExists),
                    _ => Ok(InsertOutcome::Inserted),
                }
            })
            .collect()
    }

    async fn load(&self, keys: &[JobKey]) -> Vec<Result<Option<Row>, LoadError>> {
        let mut state = self.0.lock().unwrap();
        state.loads += keys.len();
        keys.iter()
            .map(|key| match state.newer_schema.get(key) {
                Some(schema) => Err(LoadError::NewerSchema(*schema)),
                None => Ok(state.rows.get(key).cloned()),
            })
            .collect()
    }

    async fn update(&self, rows: &[Row]) -> Vec<Result<UpdateOutcome, PortError>> {
        let mut state = self.0.lock().unwrap();
        rows.iter()
            .map(|row| {
                state.updates += 1;
                let fault = state.faults.pop();
                if fault == Some(WriteFault::Fail) {
                    return Err(PortError("down".to_owned()));
                }
                let Some(current) = state.rows.get_mut(&row.key) else { return Ok(UpdateOutcome::Conflict) };
                if fault == Some(WriteFault::LoseRace) {
                    (current.rev, current.writer) = (current.rev + 1, "other".to_owned());
                }
                if current.rev + 1 != row.rev {
                    return Ok(UpdateOutcome::Conflict);
                }
                *current = row.clone();
                match fault {
                    Some(WriteFault::LoseReply) => Err(PortError("reply lost".to_owned())),
                    Some(WriteFault::ReportConflict) => Ok(UpdateOutcome::Conflict),
                    _ => Ok(UpdateOutcome::Written),
                }
            })
            .collect()
    }

    async fn due(&self, shard: u8, now: Timestamp, _: Option<Cursor>) -> Result<DuePage, PortError> {
        let is_due = |row: &Row| shard_of(&row.key) == shard && row.due_at().is_some_and(|due| due <= now);
        let rows = self.rows().into_iter().filter(is_due);
        Ok(DuePage { keys: rows.map(|row| row.key).collect(), next: None })
    }
}

impl JobCounter for LedgerStub {
    async fn count(&self, count: &HourlyCount, max_jobs: u32) -> CountOutcome {
        let mut state = self.0.lock().unwrap();
        match insert_below(state.hours.entry(count.to_string()).or_default(), &count.job, max_jobs) {
            true => CountOutcome::Counted,
            false => CountOutcome::LimitReached,
        }
    }
}

/// Inserts an element, unless the set has `max` others. Whether the set has it.
fn insert_below<T: Ord + Clone>(set: &mut BTreeSet<T>, element: &T, max: u32) -> bool {
    if !set.contains(element) && set.len() < max as usize {
        set.insert(element.clone());
    }
    set.contains(element)
}

impl BuildSlots for LedgerStub {
    async fn take(&self, job: &JobKey, max: u32) -> Result<bool, PortError> {
        Ok(insert_below(&mut self.0.lock().unwrap().slots, job, max))
    }

    async fn release(&self, jobs: &[JobKey]) -> Result<(), PortError> {
        self.0.lock().unwrap().slots.retain(|holder| !jobs.contains(holder));
        Ok(())
    }

    async fn holders(&self) -> Result<Vec<JobKey>, PortError> {
        Ok(self.0.lock().unwrap().slots.iter().cloned().collect())
    }
}

impl OrderLedger for LedgerStub {
    async fn load(&self, scope: &OrderScope) -> Result<Option<OrderItem>, LoadError> {
        Ok(self.0.lock().unwrap().orders.get(scope).cloned())
    }

    async fn write(&self, scope: &OrderScope, item: &OrderItem, _: Timestamp) -> Result<UpdateOutcome, PortError> {
        let mut state = self.0.lock().unwrap();
        let fault = state.order_faults.pop();
        if fault == Some(WriteFault::Fail) {
            return Err(PortError("down".to_owned()));
        }
        let current = state.orders.entry(scope.clone()).or_default();
        if fault == Some(WriteFault::LoseRace) {
            current.rev += 1;
        }
        if current.rev + 1 != item.rev {
            return Ok(UpdateOutcome::Conflict);
        }
        *current = item.clone();
        match fault {
            Some(WriteFault::LoseReply) => Err(PortError("reply lost".to_owned())),
            Some(WriteFault::ReportConflict) => Ok(UpdateOutcome::Conflict),
            _ => Ok(UpdateOutcome::Written),
        }
    }
}
