//! Takes turns: reads the item of a scope and the rows that it names, and writes the item.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use doorbell_registry::OrderRule;
use tokio::sync::{Mutex, MutexGuard};
use tracing::warn;

use crate::domain::{MAX_CANDIDATES, OrderScope, OrderedJob, Row, Turn, TurnOutcome};
use crate::ports::{Clock, JobLedger, LoadError, OrderLedger, UpdateOutcome};
use crate::row_store::{MAX_WRITE_CONFLICTS, RowStore};
use crate::wake_queue::WakeQueue;

/// Decides which job of a ref may start.
///
/// The rows are the truth and the item is a lock. So a turn can be lost, repeated or taken by two workers at once: each
/// reads the rows first, and the item's revision lets one of them write.
#[derive(Debug)]
pub(crate) struct TurnKeeper<L, O, C> {
    rows: Arc<RowStore<L>>,
    orders: O,
    clock: C,
    wake_queue: Arc<WakeQueue>,
    /// One turn at a time for each scope, in this worker: many turns at once would only meet each other's writes.
    locks: [Mutex<()>; SCOPE_LOCKS],
}

/// Locks of scopes. Two scopes may share one.
const SCOPE_LOCKS: usize = 16;

impl<L: JobLedger, O: OrderLedger, C: Clock> TurnKeeper<L, O, C> {
    pub(crate) fn new(rows: Arc<RowStore<L>>, orders: O, clock: C, wake_queue: Arc<WakeQueue>) -> Self {
        Self { rows, orders, clock, wake_queue, locks: Default::default() }
    }

    /// Takes the turn of a job that is about to claim its start.
    ///
    /// A crash after the item's write leaves a holder that is due: its next turn finds that it holds.
    pub(crate) async fn take(&self, row: &Row) -> TurnOutcome {
        let Some(rule) = row.launch().map(|launch| launch.order) else {
            return TurnOutcome::Failed("the job has no launch".to_owned());
        };
        self.run(row, rule, false).await.unwrap_or_else(TurnOutcome::Failed)
    }

    /// Takes the turn that follows a job's end, and wakes the jobs that can go on.
    ///
    /// If it is lost, the due time of the next job does the same.
    pub(crate) async fn release(&self, row: &Row, rule: OrderRule) {
        if let Err(error) = self.run(row, rule, true).await {
            warn!("turn after the job's end failed; the next job of the ref takes its own when it is due: {error}");
        }
    }

    async fn run(&self, row: &Row, rule: OrderRule, is_over: bool) -> Result<TurnOutcome, String> {
        let (scope, job) = (OrderScope::of(row), OrderedJob::of(row));
        let _turn = self.lock(&scope).await;
        for _ in 0..MAX_WRITE_CONFLICTS {
            let item = self.orders.load(&scope).await.map_err(|error| error.to_string())?;
            let mut turn = Turn::new(item.unwrap_or_default(), rule);
            self.release_holder(&mut turn).await?;
            let refusal = if is_over { leave(&mut turn, &job) } else { enter(&mut turn, &job) };
            self.choose_holder(&mut turn).await?;
            let now = self.clock.now().ok_or("no trusted AWS time yet")?;
            if turn.is_changed() {
                let written = self.orders.write(&scope, &turn.next_item(), now).await;
                // Also after a conflict: a retry of the SDK can meet its own write, and then the next attempt changes
                // nothing and wakes no job. A job that was woken in vain takes a turn and waits.
                self.wake(&turn, &job);
                match written {
                    Ok(UpdateOutcome::Written) => {}
                    Ok(UpdateOutcome::Conflict) => continue,
                    Err(error) => {
                        warn!("order item not written, or its reply is lost; reading it again: {error}");
                        continue;
                    }
                }
            }
            return Ok(refusal.unwrap_or_else(|| turn.outcome(&job, row.request.allow_older)));
        }
        Err("the order item changes faster than it can be written".to_owned())
    }

    async fn lock(&self, scope: &OrderScope) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        scope.to_string().hash(&mut hasher);
        let lock =
            usize::try_from(hasher.finish() % SCOPE_LOCKS as u64).ok().and_then(|place| self.locks.get(place))?;
        Some(lock.lock().await)
    }

    async fn release_holder(&self, turn: &mut Turn) -> Result<(), String> {
        let Some(holder) = turn.holder().cloned() else { return Ok(()) };
        match self.rows.load(&holder).await {
            Ok(row) => turn.release_holder(row.as_ref()),
            Err(LoadError::Port(error)) => return Err(error.to_string()),
            // Its job may run: it keeps the scope until a worker can read its row.
            Err(error @ (LoadError::NewerSchema(_) | LoadError::Corrupt(_))) => {
                warn!(holder.key = %holder, "the row of the ref's job cannot be read; the others wait: {error}");
            }
        }
        Ok(())
    }

    async fn choose_holder(&self, turn: &mut Turn) -> Result<(), String> {
        let mut keys = turn.candidates();
        keys.truncate(MAX_CANDIDATES);
        if keys.is_empty() {
            return Ok(());
        }
        let mut candidates = Vec::with_capacity(keys.len());
        for (key, row) in keys.iter().zip(self.rows.ledger().load(&keys).await) {
            match row {
                Ok(row) => candidates.push((key.clone(), row)),
                Err(LoadError::Port(error)) => return Err(error.to_string()),
                Err(LoadError::NewerSchema(_) | LoadError::Corrupt(_)) => {}
            }
        }
        turn.choose_holder(&candidates);
        Ok(())
    }

    fn wake(&self, turn: &Turn, job: &OrderedJob) {
        turn.to_wake().into_iter().filter(|key| *key != job.key).for_each(|key| self.wake_queue.push(key));
    }
}

/// Adds the job to its scope, unless it is superfluous or there is no room.
fn enter(turn: &mut Turn, job: &OrderedJob) -> Option<TurnOutcome> {
    if let Some(newer) = turn.superseded_by(job) {
        turn.remove(&job.key);
        return Some(TurnOutcome::Superseded(newer));
    }
    (!turn.join(job)).then_some(TurnOutcome::Full)
}

fn leave(turn: &mut Turn, job: &OrderedJob) -> Option<TurnOutcome> {
    turn.remove(&job.key);
    None
}

#[cfg(test)]
mod tests;
