//! What a panic leaves behind: a line in the log, a count, and a row that is put aside if it happens again and again.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use doorbell_messages::JobKey;
use futures_util::FutureExt;
use tracing::error;

use crate::domain::{CrashEvidence, Observation, Phase, Row, Timestamp};
use crate::engine::Engine;
use crate::metrics;
use crate::ports::{Clock, Ports};
use crate::row_store::WriteOutcome;

/// Runs something to its end or to its panic, which is logged and counted, with what panicked in words.
pub(crate) async fn catch_panic(work: impl Future<Output = ()>, what: &str) -> Result<(), String> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| {
        let message = panic_message(&*panic);
        metrics::panicked();
        error!("{what} panicked: {message}");
        message
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    crate::domain::one_line(text.unwrap_or("without a word"))
}

impl<P: Ports> Engine<P> {
    /// Handles a row in a task of its own. A panic ends that task and nothing else, and is a strike against the row.
    pub(crate) fn spawn_for(self: &Arc<Self>, key: JobKey, work: impl Future<Output = ()> + Send + 'static) {
        let engine = Arc::clone(self);
        self.tasks.spawn(async move {
            if catch_panic(work, &format!("handling {key}")).await.is_err() {
                engine.record_panic(&key).await;
            }
        });
    }

    /// Handles a row that may be what its workers die of. The strike is written before the work, since nothing is
    /// written after a crash, and taken back when the work has come to its end.
    pub(crate) async fn handle_possible_poison(&self, row: Row, observation: Observation) {
        let before = row.clone();
        let Some(recorded) = self.record_handling_started(row).await else { return };
        if recorded.quarantined.is_some() {
            return;
        }
        // The ledger has it due later, for whoever comes if this worker dies; to this worker it is due as it was.
        let observed_row =
            Row { phase_due_at: before.phase_due_at, notification: before.notification.clone(), ..recorded.clone() };
        match catch_panic(self.drive(observed_row, observation), &format!("handling {}", recorded.key)).await {
            Ok(()) => self.clear_crash_score(&recorded, &before).await,
            Err(_) => self.record_panic(&recorded.key).await,
        }
    }

    async fn record_panic(&self, key: &JobKey) {
        let outcome = self.rows.update_with(key, |row| {
            let now = self.ports.clock().now()?;
            let is_open = row.settled_at.is_none() && row.quarantined.is_none();
            is_open.then(|| with_crash_evidence(row, CrashEvidence::Panicked, now))
        });
        if let WriteOutcome::Written(row) = outcome.await {
            log_quarantine(&row);
        }
    }

    /// Records that a handling begins. None: another process wrote the row, or nobody can.
    async fn record_handling_started(&self, row: Row) -> Option<Row> {
        let (rev, worker_uptime) = (row.rev, self.started_at.elapsed());
        let outcome = self.rows.update_row_with(row, |row| {
            let now = self.ports.clock().now()?;
            let is_as_seen = row.rev == rev;
            is_as_seen.then(|| with_crash_evidence(row, CrashEvidence::HandlingStarted { worker_uptime }, now))
        });
        let WriteOutcome::Written(row) = outcome.await else { return None };
        log_quarantine(&row);
        Some(*row)
    }

    /// Takes back what was held against a row. While a start is in doubt only the last handling: to look for a build
    /// is harmless, even where it is the send that kills.
    async fn clear_crash_score(&self, recorded: &Row, before: &Row) {
        let clear = |row: &Row| {
            let crash_score = if matches!(row.phase, Phase::Starting { .. }) { before.crash_score } else { 0 };
            if row.crash_score <= crash_score || row.quarantined.is_some() {
                return None;
            }
            let mut row = Row { crash_score, ..row.clone() };
            if row.writer == recorded.writer {
                // The handling ended without a write, of the ledger's own fault perhaps: the row is as due as it was.
                (row.phase_due_at, row.notification.due_at) = (before.phase_due_at, before.notification.due_at);
            }
            Some(row)
        };
        // Where this fails, the next handling clears it.
        let _ = self.rows.update_with(&recorded.key, clear).await;
    }
}

fn with_crash_evidence(row: &Row, evidence: CrashEvidence, now: Timestamp) -> Row {
    let mut row = row.clone();
    row.add_crash_evidence(evidence, now);
    row
}

fn log_quarantine(row: &Row) {
    if let Some(reason) = &row.quarantined {
        metrics::job_quarantined();
        error!(job.key = %row.key, "{reason}");
    }
}
