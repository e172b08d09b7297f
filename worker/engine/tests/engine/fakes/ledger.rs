use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use doorbell_engine::domain::{OrderScope, Phase, Row, Timestamp};
use doorbell_engine::ports::{
    Cursor, DuePage, InsertOutcome, JobLedger, LoadError, PortError, UpdateOutcome, shard_of,
};
use doorbell_messages::JobKey;
use doorbell_registry::OrderRule;
use tokio::time::Instant;

use super::{PortCall, SimulatedWorker, lock};

/// A table with conditional writes, consistent reads and an index that lags behind.
#[derive(Debug, Default)]
pub struct FakeLedger {
    items: BTreeMap<JobKey, StoredRow>,
    /// What the index shows, by shard.
    index: BTreeMap<u8, BTreeSet<(Timestamp, JobKey)>>,
    indexed: BTreeMap<JobKey, Timestamp>,
    /// Changes that the index shows later, by time.
    pending: BTreeMap<(Instant, u64), (JobKey, Option<Timestamp>)>,
    /// The index's lag.
    pub index_lag: Duration,
    /// Keys on a page of the index: few, so that every sweep pages.
    pub page_size: usize,
    /// Rows that a newer worker wrote.
    pub newer_schema: BTreeSet<JobKey>,
    pub writes: u64,
}

#[derive(Debug)]
struct StoredRow {
    json: String,
    rev: u64,
    schema: u32,
    is_finished: bool,
}

impl StoredRow {
    fn row(&self) -> Row {
        serde_json::from_str(&self.json).expect("a row is read as it was written")
    }
}

impl FakeLedger {
    pub fn new() -> Self {
        Self { page_size: 3, ..Self::default() }
    }

    pub fn contains(&self, key: &JobKey) -> bool {
        self.items.contains_key(key)
    }

    pub fn rows(&self) -> Vec<Row> {
        self.items.values().map(StoredRow::row).collect()
    }

    /// Whether each row is settled or quarantined.
    pub fn all_finished(&self) -> bool {
        self.items.values().all(|item| item.is_finished)
    }

    /// Quarantines a job, as if it had crashed its workers.
    pub fn quarantine(&mut self, key: &JobKey) {
        let row = self.items[key].row();
        let row = Row { rev: row.rev + 1, quarantined: Some("quarantined".to_owned()), phase_due_at: None, ..row };
        self.put(&row, 1);
    }

    /// Removes finished rows, as TTL does later.
    pub fn remove_finished(&mut self) {
        self.items.retain(|_, item| !item.is_finished);
    }

    fn put(&mut self, row: &Row, schema: u32) {
        self.writes += 1;
        let json = serde_json::to_string(row).expect("a row can be written");
        let is_at_rest = row.settled_at.is_some() || row.quarantined.is_some();
        self.items.insert(row.key.clone(), StoredRow { json, rev: row.rev, schema, is_finished: is_at_rest });
        self.pending.insert((Instant::now() + self.index_lag, self.writes), (row.key.clone(), row.due_at()));
    }

    fn insert(&mut self, row: &Row, schema: u32) -> InsertOutcome {
        if self.contains(&row.key) {
            return InsertOutcome::AlreadyExists;
        }
        self.put(row, schema);
        InsertOutcome::Inserted
    }

    fn update(&mut self, row: &Row, schema: u32) -> UpdateOutcome {
        match self.items.get(&row.key) {
            Some(stored) if stored.rev + 1 == row.rev => {
                self.put(row, schema);
                UpdateOutcome::Written
            }
            _ => UpdateOutcome::Conflict,
        }
    }

    fn load(&self, key: &JobKey, schema: u32) -> Result<Option<Row>, LoadError> {
        match self.items.get(key) {
            Some(item) if item.schema > schema || self.newer_schema.contains(key) => {
                Err(LoadError::NewerSchema(item.schema))
            }
            item => Ok(item.map(StoredRow::row)),
        }
    }

    /// Whether another job of the row's scope may have a build too, although its project has an order.
    fn breaks_order(&self, row: &Row) -> bool {
        has_turn(row)
            && self
                .rows()
                .iter()
                .any(|other| other.key != row.key && has_turn(other) && OrderScope::of(other) == OrderScope::of(row))
    }

    fn due(&mut self, shard: u8, now: Timestamp, after: Option<&Cursor>) -> DuePage {
        self.catch_up();
        let Some(rows) = self.index.get(&shard) else { return DuePage::default() };
        let from = after.map_or(Bound::Unbounded, |cursor| Bound::Excluded((cursor.due_at, cursor.key.clone())));
        let mut due = rows.range((from, Bound::Unbounded)).take_while(|(at, _)| *at <= now);
        let page: Vec<&(Timestamp, JobKey)> = due.by_ref().take(self.page_size).collect();
        let last = page.last().filter(|_| due.next().is_some());
        let next = last.map(|(due_at, key)| Cursor { key: key.clone(), due_at: *due_at });
        DuePage { keys: page.iter().map(|(_, key)| key.clone()).collect(), next }
    }

    fn catch_up(&mut self) {
        while let Some(first) = self.pending.first_entry().filter(|first| first.key().0 <= Instant::now()) {
            let (key, due) = first.remove();
            let rows = self.index.entry(shard_of(&key)).or_default();
            if let Some(before) = self.indexed.remove(&key) {
                rows.remove(&(before, key.clone()));
            }
            if let Some(due) = due {
                rows.insert((due, key.clone()));
                self.indexed.insert(key, due);
            }
        }
    }
}

/// Whether a row is past accepted and not final, in a project with an order.
fn has_turn(row: &Row) -> bool {
    matches!(&row.phase, Phase::Starting { launch, .. } | Phase::Running { launch, .. } if launch.order != OrderRule::Parallel)
}

impl SimulatedWorker {
    fn check_written(&self, table: &FakeLedger, row: &Row, is_newer: bool) {
        if is_newer {
            self.services.record_violation(format!("a newer worker's row was written: {}", row.key));
        }
        if table.breaks_order(row) {
            self.services.record_violation(format!("two jobs of one ref at once: {}", row.key));
        }
    }

    /// Executes one item of a batch call as a request of its own.
    async fn call_item<T>(&self, call: PortCall, change: impl FnOnce(&mut FakeLedger) -> T) -> Result<T, PortError> {
        self.process.before(call).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.process.wait_alive().await;
        let done = change(&mut lock(&self.services.ledger));
        self.process.after(call).await?;
        Ok(done)
    }
}

impl JobLedger for SimulatedWorker {
    async fn insert(&self, rows: &[Row]) -> Vec<Result<InsertOutcome, PortError>> {
        let mut answers = Vec::new();
        for row in rows {
            answers.push(self.call_item(PortCall::Insert, |table| table.insert(row, self.process.schema)).await);
        }
        answers
    }

    async fn load(&self, keys: &[JobKey]) -> Vec<Result<Option<Row>, LoadError>> {
        let mut answers = Vec::new();
        for key in keys {
            let answer = self.call_item(PortCall::Load, |table| table.load(key, self.process.schema)).await;
            answers.push(answer.map_err(LoadError::Port).flatten());
        }
        answers
    }

    async fn update(&self, rows: &[Row]) -> Vec<Result<UpdateOutcome, PortError>> {
        let mut answers = Vec::new();
        for row in rows {
            let answer = self.call_item(PortCall::Update, |table| {
                let is_newer = table.load(&row.key, self.process.schema).is_err();
                let update = table.update(row, self.process.schema);
                // In the moment of the write, whether or not the worker lives to hear of it.
                if update == UpdateOutcome::Written {
                    self.check_written(table, row, is_newer);
                }
                update
            });
            answers.push(answer.await);
        }
        answers
    }

    async fn due(&self, shard: u8, now: Timestamp, after: Option<Cursor>) -> Result<DuePage, PortError> {
        self.process.before(PortCall::Due).await?;
        let page = lock(&self.services.ledger).due(shard, now, after.as_ref());
        self.process.after(PortCall::Due).await?;
        Ok(page)
    }
}
