//! What a panic leaves behind: a line in the log, a count, and a row that is put aside if it happens again and again.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use doorbell_messages::JobKey;
use futures_util::FutureExt;
use tracing::error;

use crate::domain::{CrashEvidence, Observation, Phase, Row, Timestamp};
use crate::drive::WriteOutcome;
use crate::engine::Engine;
use crate::metrics;
use crate::ports::{Clock, Ports};

/// Times that a strike is written over another worker's write.
const MAX_WRITE_CONFLICTS: usize = 8;

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
        let Some(now) = self.ports.clock().now() else { return };
        let before = row.clone();
        let evidence = CrashEvidence::HandlingStarted { worker_uptime: self.started_at.elapsed() };
        let Some(recorded) = self.write_crash_evidence(row, evidence, now).await else { return };
        if recorded.quarantined.is_some() {
            return;
        }
        // The ledger has it due later, for whoever comes if this worker dies; to this worker it is due as it was.
        let mut observed_row = recorded.clone();
        observed_row.restore_due_times(&before);
        match catch_panic(self.drive(observed_row, observation), &format!("handling {}", recorded.key)).await {
            Ok(()) => self.clear_crash_score(&recorded, &before).await,
            Err(_) => self.record_panic(&recorded.key).await,
        }
    }

    async fn record_panic(&self, key: &JobKey) {
        for _ in 0..MAX_WRITE_CONFLICTS {
            let Some(now) = self.ports.clock().now() else { return };
            let Some(row) = self.load(key).await else { return };
            if row.settled_at.is_some()
                || row.quarantined.is_some()
                || self.write_crash_evidence(row, CrashEvidence::Panicked, now).await.is_some()
            {
                return;
            }
        }
    }

    async fn write_crash_evidence(&self, mut row: Row, evidence: CrashEvidence, now: Timestamp) -> Option<Row> {
        row.add_crash_evidence(evidence, now);
        if !self.write_next_revision(&mut row).await {
            return None;
        }
        if let Some(reason) = &row.quarantined {
            metrics::job_quarantined();
            error!(job.key = %row.key, "{reason}");
        }
        Some(row)
    }

    /// Takes back what was held against a row. While a start is in doubt only the last handling: to look for a build
    /// is harmless, even where it is the send that kills.
    async fn clear_crash_score(&self, recorded: &Row, before: &Row) {
        for _ in 0..MAX_WRITE_CONFLICTS {
            let Some(mut row) = self.load(&recorded.key).await else { return };
            let crash_score = if matches!(row.phase, Phase::Starting { .. }) { before.crash_score } else { 0 };
            if row.crash_score <= crash_score || row.quarantined.is_some() {
                return;
            }
            if row.writer == recorded.writer {
                // The handling ended without a write, of the ledger's own fault perhaps: the row is as due as it was.
                row.restore_due_times(before);
            }
            row.crash_score = crash_score;
            if self.write_next_revision(&mut row).await {
                return;
            }
        }
    }

    async fn write_next_revision(&self, row: &mut Row) -> bool {
        row.rev += 1;
        row.writer = self.signature();
        matches!(self.write(row).await, WriteOutcome::Written)
    }
}
