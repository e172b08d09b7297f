use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use doorbell_engine::domain::{Row, Timestamp};
use doorbell_engine::ports::{Cursor, DuePage, Insert, Ledger, LoadError, PortError, Update, shard_of};
use doorbell_messages::JobKey;
use tokio::time::Instant;

use super::{Call, Worker, locked};

/// The table: conditional writes and consistent reads, with an index that lags behind.
#[derive(Debug, Default)]
pub struct Table {
    items: BTreeMap<JobKey, Item>,
    /// What the index shows, by shard.
    index: BTreeMap<u8, BTreeSet<(Timestamp, JobKey)>>,
    shown: BTreeMap<JobKey, Timestamp>,
    /// What the index will show, and when.
    coming: BTreeMap<(Instant, u64), (JobKey, Option<Timestamp>)>,
    /// How far the index lags.
    pub lag: Duration,
    /// Keys on a page of the index: few, so that every sweep pages.
    pub page: usize,
    /// Rows that a newer worker wrote.
    pub newer: BTreeSet<JobKey>,
    pub writes: u64,
}

#[derive(Debug)]
struct Item {
    json: String,
    rev: u64,
    schema: u32,
    is_at_rest: bool,
}

impl Item {
    fn row(&self) -> Row {
        serde_json::from_str(&self.json).expect("a row is read as it was written")
    }
}

impl Table {
    pub fn new() -> Self {
        Self { page: 3, ..Self::default() }
    }

    pub fn holds(&self, key: &JobKey) -> bool {
        self.items.contains_key(key)
    }

    pub fn rows(&self) -> Vec<Row> {
        self.items.values().map(Item::row).collect()
    }

    /// Whether nothing is left to do: every row is settled, or put aside for a person.
    pub fn is_at_rest(&self) -> bool {
        self.items.values().all(|item| item.is_at_rest)
    }

    /// As TTL does, sooner.
    pub fn forget_what_rests(&mut self) {
        self.items.retain(|_, item| !item.is_at_rest);
    }

    fn put(&mut self, row: &Row, schema: u32) {
        self.writes += 1;
        let json = serde_json::to_string(row).expect("a row can be written");
        let is_at_rest = row.settled_at.is_some() || row.isolated.is_some();
        self.items.insert(row.key.clone(), Item { json, rev: row.rev, schema, is_at_rest });
        self.coming.insert((Instant::now() + self.lag, self.writes), (row.key.clone(), row.due_at()));
    }

    fn insert(&mut self, row: &Row, schema: u32) -> Insert {
        if self.holds(&row.key) {
            return Insert::Exists;
        }
        self.put(row, schema);
        Insert::New
    }

    fn update(&mut self, row: &Row, schema: u32) -> Update {
        match self.items.get(&row.key) {
            Some(there) if there.rev + 1 == row.rev => {
                self.put(row, schema);
                Update::Written
            }
            _ => Update::Conflict,
        }
    }

    fn load(&self, key: &JobKey, schema: u32) -> Result<Option<Row>, LoadError> {
        match self.items.get(key) {
            Some(item) if item.schema > schema || self.newer.contains(key) => Err(LoadError::Newer(item.schema)),
            item => Ok(item.map(Item::row)),
        }
    }

    fn due(&mut self, shard: u8, now: Timestamp, after: Option<&Cursor>) -> DuePage {
        self.catch_up();
        let Some(rows) = self.index.get(&shard) else { return DuePage::default() };
        let from = after.map_or(Bound::Unbounded, |cursor| Bound::Excluded((cursor.due_at, cursor.key.clone())));
        let mut due = rows.range((from, Bound::Unbounded)).take_while(|(at, _)| *at <= now);
        let page: Vec<&(Timestamp, JobKey)> = due.by_ref().take(self.page).collect();
        let last = page.last().filter(|_| due.next().is_some());
        let next = last.map(|(due_at, key)| Cursor { key: key.clone(), due_at: *due_at });
        DuePage { keys: page.iter().map(|(_, key)| key.clone()).collect(), next }
    }

    fn catch_up(&mut self) {
        while let Some(first) = self.coming.first_entry().filter(|first| first.key().0 <= Instant::now()) {
            let (key, due) = first.remove();
            let rows = self.index.entry(shard_of(&key)).or_default();
            if let Some(before) = self.shown.remove(&key) {
                rows.remove(&(before, key.clone()));
            }
            if let Some(due) = due {
                rows.insert((due, key.clone()));
                self.shown.insert(key, due);
            }
        }
    }
}

impl Worker {
    /// One item of a call that takes several: each is a request of its own.
    async fn item<T>(&self, call: Call, change: impl FnOnce(&mut Table) -> T) -> Result<T, PortError> {
        self.process.before(call).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.process.lives().await;
        let done = change(&mut locked(&self.shared.table));
        self.process.after(call).await?;
        Ok(done)
    }
}

impl Ledger for Worker {
    async fn insert(&self, rows: &[Row]) -> Vec<Result<Insert, PortError>> {
        let mut answers = Vec::new();
        for row in rows {
            answers.push(self.item(Call::Insert, |table| table.insert(row, self.process.schema)).await);
        }
        answers
    }

    async fn load(&self, keys: &[JobKey]) -> Vec<Result<Option<Row>, LoadError>> {
        let mut answers = Vec::new();
        for key in keys {
            let answer = self.item(Call::Load, |table| table.load(key, self.process.schema)).await;
            answers.push(answer.map_err(LoadError::Port).flatten());
        }
        answers
    }

    async fn update(&self, rows: &[Row]) -> Vec<Result<Update, PortError>> {
        let mut answers = Vec::new();
        for row in rows {
            let answer = self.item(Call::Update, |table| {
                let is_newer = table.load(&row.key, self.process.schema).is_err();
                let update = table.update(row, self.process.schema);
                (is_newer && update == Update::Written, update)
            });
            let answer = answer.await;
            if matches!(answer, Ok((true, _))) {
                self.shared.violation(format!("a newer worker's row was written: {}", row.key));
            }
            answers.push(answer.map(|(_, update)| update));
        }
        answers
    }

    async fn due(&self, shard: u8, now: Timestamp, after: Option<Cursor>) -> Result<DuePage, PortError> {
        self.process.before(Call::Due).await?;
        let page = locked(&self.shared.table).due(shard, now, after.as_ref());
        self.process.after(Call::Due).await?;
        Ok(page)
    }
}
