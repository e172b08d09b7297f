//! Reads and writes rows with optimistic concurrency.

mod recent_rows;

use std::sync::atomic::{AtomicU64, Ordering};

use doorbell_messages::JobKey;
use tracing::{error, info, warn};

use crate::domain::Row;
use crate::ports::{InsertOutcome, JobLedger, LoadError, PortError, UpdateOutcome};
use recent_rows::RecentRows;

/// Attempts of one update before the store gives up on a row that others keep writing.
pub const MAX_WRITE_CONFLICTS: usize = 8;

/// The ledger's rows, as one process reads and writes them.
///
/// The store signs each write with a nonce in [`Row::writer`]. A reply can be lost, and the SDK may retry a write that
/// succeeded: both look like a conflict with another process. After each write that did not succeed for certain the
/// store reads the row, and a row with this write's nonce was written.
#[derive(Debug)]
pub struct RowStore<L> {
    ledger: L,
    instance: String,
    writes: AtomicU64,
    recent: RecentRows,
}

/// Result of [`RowStore::update_with`].
#[derive(Debug, Clone, PartialEq)]
pub enum WriteOutcome {
    /// The ledger has this row, by this update.
    Written(Box<Row>),
    /// The change had nothing to write. This is the row that it was given last.
    Unchanged(Box<Row>),
    /// The ledger has no row with this key.
    Absent,
    /// Each of [`MAX_WRITE_CONFLICTS`] attempts failed or met another process's write.
    GaveUp {
        /// The last failure of a write, if one failed.
        last_error: Option<PortError>,
    },
    /// The row could not be read: the ledger failed, or the row is corrupt or of a newer schema.
    ///
    /// If a write came before, it is unknown whether the ledger has it.
    Unavailable(LoadError),
}

/// Result of the insert of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowInsert {
    /// The ledger has this row, by this insert.
    Inserted,
    /// The ledger had a row with this key.
    AlreadyExists,
    /// The ledger had a row with this key, of a schema that this process cannot read.
    NewerSchema(u32),
    /// The insert failed. It is unknown whether the ledger has the row.
    Failed(PortError),
}

impl<L: JobLedger> RowStore<L> {
    /// A store of this ledger's rows. `instance` names the process; no two processes have the same one.
    pub fn new(ledger: L, instance: impl Into<String>) -> Self {
        Self { ledger, instance: instance.into(), writes: AtomicU64::new(0), recent: RecentRows::default() }
    }

    /// The ledger.
    pub fn ledger(&self) -> &L {
        &self.ledger
    }

    /// Reads a row, consistently. `Ok(None)` says that the ledger has no row with this key.
    ///
    /// # Errors
    /// The ledger failed, or the row is corrupt or of a newer schema.
    pub async fn load(&self, key: &JobKey) -> Result<Option<Row>, LoadError> {
        self.ledger.load(std::slice::from_ref(key)).await.pop().unwrap_or_else(|| Err(no_reply().into()))
    }

    /// As [`RowStore::load`], where an unreadable row is logged and left to a later hint or to the sweep.
    pub(crate) async fn load_or_log(&self, key: &JobKey) -> Option<Row> {
        self.load(key).await.unwrap_or_else(|error| {
            log_load_error(key, &error);
            None
        })
    }

    /// A row as this process wrote it a moment ago, which may be out of date.
    ///
    /// Only for a decision whose result is a write, or that a later state of the row would not change.
    pub(crate) fn recent(&self, key: &JobKey) -> Option<Row> {
        self.recent.get(key)
    }

    /// As [`RowStore::load_or_log`], without a read where this process wrote the row a moment ago.
    pub(crate) async fn recent_or_load(&self, key: &JobKey) -> Option<Row> {
        match self.recent(key) {
            Some(row) => Some(row),
            None => self.load_or_log(key).await,
        }
    }

    /// Inserts rows that the ledger never had. Returns them signed, each with its result.
    pub async fn insert(&self, rows: Vec<Row>) -> Vec<(Row, RowInsert)> {
        let rows: Vec<Row> = rows.into_iter().map(|row| Row { writer: self.next_writer(), ..row }).collect();
        let mut outcomes = self.ledger.insert(&rows).await;
        outcomes.resize_with(rows.len(), || Err(no_reply()));
        let mut results = Vec::with_capacity(rows.len());
        for (row, outcome) in rows.into_iter().zip(outcomes) {
            let result = self.resolve_insert(&row, outcome).await;
            if result == RowInsert::Inserted {
                self.recent.keep(&row);
            }
            results.push((row, result));
        }
        results
    }

    async fn resolve_insert(&self, row: &Row, outcome: Result<InsertOutcome, PortError>) -> RowInsert {
        if matches!(outcome, Ok(InsertOutcome::Inserted)) {
            return RowInsert::Inserted;
        }
        match (self.load(&row.key).await, outcome) {
            (Ok(Some(current)), _) if current.writer == row.writer => RowInsert::Inserted,
            (Err(LoadError::NewerSchema(schema)), _) => RowInsert::NewerSchema(schema),
            (_, Ok(_)) => RowInsert::AlreadyExists,
            (_, Err(error)) => RowInsert::Failed(error),
        }
    }

    /// Reads the row of this key and updates it: see [`RowStore::update_row_with`].
    pub async fn update_with(&self, key: &JobKey, change: impl FnMut(&Row) -> Option<Row> + Send) -> WriteOutcome {
        match self.load(key).await {
            Ok(Some(row)) => self.update_row_with(row, change).await,
            Ok(None) => WriteOutcome::Absent,
            Err(error) => WriteOutcome::Unavailable(error),
        }
    }

    /// Writes what `change` makes of the row, or nothing where it returns `None`.
    ///
    /// This is the only optimistic-concurrency loop. `row` may be out of date: where another process's write came
    /// first, the store reads the row and calls `change` again. The store sets the row's `rev` and `writer`.
    pub async fn update_row_with(
        &self,
        mut row: Row,
        mut change: impl FnMut(&Row) -> Option<Row> + Send,
    ) -> WriteOutcome {
        let mut last_error = None;
        for _ in 0..MAX_WRITE_CONFLICTS {
            let Some(changed) = change(&row) else { return WriteOutcome::Unchanged(Box::new(row)) };
            let next_row = Row { rev: row.rev + 1, writer: self.next_writer(), ..changed };
            match self.ledger.update(std::slice::from_ref(&next_row)).await.pop().unwrap_or_else(|| Err(no_reply())) {
                Ok(UpdateOutcome::Written) => return self.written(next_row),
                Ok(UpdateOutcome::Conflict) => {}
                Err(error) => {
                    warn!(job.key = %row.key, "row write failed; reading the row to see its outcome: {error}");
                    last_error = Some(error);
                }
            }
            self.recent.forget(&row.key);
            match self.load(&row.key).await {
                Ok(Some(current)) if current.writer == next_row.writer => return self.written(next_row),
                Ok(Some(current)) => row = current,
                Ok(None) => return WriteOutcome::Absent,
                Err(error) => return WriteOutcome::Unavailable(error),
            }
        }
        WriteOutcome::GaveUp { last_error }
    }

    fn written(&self, row: Row) -> WriteOutcome {
        self.recent.keep(&row);
        WriteOutcome::Written(Box::new(row))
    }

    /// A nonce for one write.
    pub(crate) fn next_writer(&self) -> String {
        format!("{}-{}", self.instance, self.writes.fetch_add(1, Ordering::Relaxed))
    }
}

pub(crate) fn log_load_error(key: &JobKey, error: &LoadError) {
    match error {
        LoadError::NewerSchema(schema) => info!(job.key = %key, "skipping row with newer schema {schema}"),
        LoadError::Corrupt(_) => error!(job.key = %key, "row is corrupt; skipping it: {error}"),
        LoadError::Port(_) => warn!(job.key = %key, "row could not be read: {error}"),
    }
}

fn no_reply() -> PortError {
    PortError("the ledger did not answer".to_owned())
}

#[cfg(test)]
mod tests;
