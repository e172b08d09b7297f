use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorbell_engine::domain::{Row, Timestamp};
use doorbell_engine::ports::{Cursor, DuePage, Insert, Ledger, LoadError, PortError, Update, shard_of};
use doorbell_messages::JobKey;
use tokio::time::Instant;

use super::{Call, Worker, locked};

/// The table: conditional writes and consistent reads, with an index that lags behind.
#[derive(Debug, Default)]
pub struct Table {
    rows: BTreeMap<JobKey, String>,
    /// Per key, since when which due time would be seen.
    index: BTreeMap<JobKey, Vec<(Instant, Option<Timestamp>)>>,
    /// How far the index lags.
    pub lag: Duration,
    /// Rows that a newer worker wrote.
    pub newer: BTreeSet<JobKey>,
    pub writes: u32,
}

/// Small, so that every sweep pages.
const PAGE: usize = 3;

impl Table {
    pub fn holds(&self, key: &JobKey) -> bool {
        self.rows.contains_key(key)
    }

    pub fn rows(&self) -> Vec<Row> {
        self.rows.values().map(|json| serde_json::from_str(json).expect("a row is read as it was written")).collect()
    }

    fn row(&self, key: &JobKey) -> Option<Row> {
        self.rows.get(key).map(|json| serde_json::from_str(json).expect("a row is read as it was written"))
    }

    fn put(&mut self, row: &Row) {
        self.writes += 1;
        self.rows.insert(row.key.clone(), serde_json::to_string(row).expect("a row can be written"));
        self.index.entry(row.key.clone()).or_default().push((Instant::now() + self.lag, row.due_at()));
    }

    fn insert(&mut self, row: &Row) -> Insert {
        if self.holds(&row.key) {
            return Insert::Exists;
        }
        self.put(row);
        Insert::New
    }

    fn update(&mut self, row: &Row) -> Update {
        match self.row(&row.key) {
            Some(there) if there.rev + 1 == row.rev => {
                self.put(row);
                Update::Written
            }
            _ => Update::Conflict,
        }
    }

    fn due(&self, shard: u8, now: Timestamp, after: Option<&Cursor>) -> DuePage {
        let seen = |history: &Vec<(Instant, Option<Timestamp>)>| {
            history.iter().rev().find(|(since, _)| *since <= Instant::now()).and_then(|(_, due)| *due)
        };
        let mut due: Vec<(Timestamp, &JobKey)> = self
            .index
            .iter()
            .filter(|(key, _)| shard_of(key) == shard)
            .filter_map(|(key, history)| Some((seen(history)?, key)))
            .filter(|(due, _)| *due <= now)
            .collect();
        due.sort();
        let rest: Vec<(Timestamp, &JobKey)> = due
            .into_iter()
            .filter(|(at, key)| after.is_none_or(|cursor| (*at, *key) > (cursor.due_at, &cursor.key)))
            .collect();
        let page = &rest[..rest.len().min(PAGE)];
        let next = (rest.len() > PAGE).then(|| page[PAGE - 1]).map(|(due_at, key)| Cursor { key: key.clone(), due_at });
        DuePage { keys: page.iter().map(|(_, key)| (*key).clone()).collect(), next }
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
            answers.push(self.item(Call::Insert, |table| table.insert(row)).await);
        }
        answers
    }

    async fn load(&self, keys: &[JobKey]) -> Vec<Result<Option<Row>, LoadError>> {
        let mut answers = Vec::new();
        for key in keys {
            let answer = self.item(Call::Load, |table| {
                if table.newer.contains(key) { Err(LoadError::Newer(99)) } else { Ok(table.row(key)) }
            });
            answers.push(answer.await.map_err(LoadError::Port).flatten());
        }
        answers
    }

    async fn update(&self, rows: &[Row]) -> Vec<Result<Update, PortError>> {
        let mut answers = Vec::new();
        for row in rows {
            let answer = self.item(Call::Update, |table| (table.newer.contains(&row.key), table.update(row))).await;
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
