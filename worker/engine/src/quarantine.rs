//! Crash accounting: counts handlings of a job that panicked or did not end, and quarantines the job after too many.

use std::future::Future;
use std::sync::Arc;

use doorbell_messages::JobKey;
use tokio::time::Instant;
use tracing::error;

use crate::domain::{CrashEvidence, Phase, Row, Timestamp};
use crate::metrics;
use crate::panics::catch_panic;
use crate::ports::{Clock, JobLedger};
use crate::row_store::{RowStore, WriteOutcome};

/// Records crashes and panics in the rows of the jobs that may have caused them.
#[derive(Debug)]
pub(crate) struct Quarantine<L, C> {
    rows: Arc<RowStore<L>>,
    clock: C,
    /// When this process began to work.
    started_at: Instant,
}

impl<L: JobLedger, C: Clock> Quarantine<L, C> {
    pub(crate) fn new(rows: Arc<RowStore<L>>, clock: C) -> Self {
        Self { rows, clock, started_at: Instant::now() }
    }

    /// Handles a row that may have crashed the workers before.
    ///
    /// The row says so before the work begins, since a worker that crashes writes nothing. When the work has ended the
    /// score goes back.
    pub(crate) async fn handle_possible_poison<F>(&self, row: Row, work: impl FnOnce(Row) -> F)
    where
        F: Future<Output = ()>,
    {
        let before = row.clone();
        let Some(recorded) = self.record_handling_started(row).await else { return };
        if recorded.quarantined.is_some() {
            return;
        }
        // The ledger has the row due later, for the worker that comes after a crash. For this worker it is due now.
        let observed_row =
            Row { phase_due_at: before.phase_due_at, notification: before.notification.clone(), ..recorded.clone() };
        match catch_panic(work(observed_row), &format!("handling {}", recorded.key)).await {
            Ok(()) => self.clear_crash_score(&recorded, &before).await,
            Err(_) => self.record_panic(&recorded.key).await,
        }
    }

    /// Records that handling a job panicked.
    pub(crate) async fn record_panic(&self, key: &JobKey) {
        let outcome = self.rows.update_with(key, |row| {
            let now = self.clock.now()?;
            let is_open = row.settled_at.is_none() && row.quarantined.is_none();
            is_open.then(|| with_crash_evidence(row, CrashEvidence::Panicked, now))
        });
        if let WriteOutcome::Written(row) = outcome.await {
            log_quarantine(&row);
        }
    }

    /// Records that a handling begins. None where another process wrote the row meanwhile, or the ledger failed.
    async fn record_handling_started(&self, row: Row) -> Option<Row> {
        let (rev, worker_uptime) = (row.rev, self.started_at.elapsed());
        let outcome = self.rows.update_row_with(row, |row| {
            let now = self.clock.now()?;
            let is_as_read = row.rev == rev;
            is_as_read.then(|| with_crash_evidence(row, CrashEvidence::HandlingStarted { worker_uptime }, now))
        });
        let WriteOutcome::Written(row) = outcome.await else { return None };
        log_quarantine(&row);
        Some(*row)
    }

    /// Clears the score of a job whose handling has ended.
    ///
    /// While the outcome of a start call is unknown only this handling is taken back: a search for the build is
    /// harmless even where the start call is what crashes the worker. Where the write fails, the next handling clears
    /// the score.
    async fn clear_crash_score(&self, recorded: &Row, before: &Row) {
        let clear = |row: &Row| {
            let crash_score = if matches!(row.phase, Phase::Starting { .. }) { before.crash_score } else { 0 };
            if row.crash_score <= crash_score || row.quarantined.is_some() {
                return None;
            }
            let mut row = Row { crash_score, ..row.clone() };
            if row.writer == recorded.writer {
                // The handling wrote nothing, perhaps because the ledger failed: the row is due as it was.
                (row.phase_due_at, row.notification.due_at) = (before.phase_due_at, before.notification.due_at);
            }
            Some(row)
        };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stubs::{ClockStub, LedgerStub, NOW, WriteFault, row};

    fn quarantine(ledger: &LedgerStub) -> Quarantine<LedgerStub, ClockStub> {
        Quarantine::new(Arc::new(RowStore::new(ledger.clone(), "a")), ClockStub(Some(NOW)))
    }

    #[tokio::test]
    async fn score_is_recorded_before_the_work_and_cleared_after_it() {
        let ledger = LedgerStub::with_row(&row(1));
        quarantine(&ledger)
            .handle_possible_poison(row(1), |observed| {
                let recorded = ledger.row(&observed.key).unwrap();
                assert_eq!((recorded.crash_score, observed.phase_due_at), (1, row(1).phase_due_at));
                assert!(recorded.phase_due_at > observed.phase_due_at);
                std::future::ready(())
            })
            .await;
        let after = ledger.row(&row(1).key).unwrap();
        assert_eq!((after.crash_score, after.phase_due_at), (0, row(1).phase_due_at));
    }

    #[tokio::test]
    async fn row_written_by_another_worker_is_not_handled() {
        let ledger = LedgerStub::with_row(&row(1));
        ledger.script(&[WriteFault::LoseRace]);
        quarantine(&ledger)
            .handle_possible_poison(row(1), |_| async { panic!("handled a row that another worker handles") })
            .await;
        assert_eq!(ledger.row(&row(1).key).unwrap().crash_score, 0);
    }

    #[tokio::test]
    async fn repeated_panics_quarantine_the_job() {
        let ledger = LedgerStub::with_row(&row(1));
        for _ in 0..3 {
            let current = ledger.row(&row(1).key).unwrap();
            assert_eq!(current.quarantined, None);
            quarantine(&ledger).handle_possible_poison(current, |_| async { panic!("poison") }).await;
        }
        assert!(ledger.row(&row(1).key).unwrap().quarantined.is_some());
    }
}
