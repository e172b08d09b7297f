//! Crash accounting: how often handling a job crashed or panicked its worker.

use std::time::Duration;

use crate::domain::config::{
    LEASE, MAX_CRASH_SCORE, MAX_LEASE, MAX_SCORE_FROM_YOUNG_WORKERS, MIN_WORKER_UPTIME, NON_FINAL_RESEND_AFTER,
    OVERDUE_AFTER,
};
use crate::domain::phase::Phase;
use crate::domain::row::Row;
use crate::domain::timestamp::Timestamp;
use crate::domain::trail::TrailKind;

/// One sign that handling a row may crash its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CrashEvidence {
    /// The handling panicked. Three panics, each after a handling that was started, quarantine a row.
    Panicked,
    /// The handling starts, and may be the last that its worker does.
    HandlingStarted {
        /// How long this worker has run.
        worker_uptime: Duration,
    },
}

impl CrashEvidence {
    /// The crash score after this. Where all workers run only briefly, it says little about one row.
    fn add_to(self, crash_score: u32) -> u32 {
        match self {
            Self::Panicked => crash_score + 4,
            Self::HandlingStarted { worker_uptime } if worker_uptime >= MIN_WORKER_UPTIME => crash_score + 1,
            Self::HandlingStarted { .. } => crash_score.max(MAX_SCORE_FROM_YOUNG_WORKERS.min(crash_score + 1)),
        }
    }
}

impl Row {
    /// Adds to the crash score, and leases the row to this worker.
    ///
    /// Above the maximum the row is quarantined in every phase: it would crash the workers of other jobs.
    pub(crate) fn add_crash_evidence(&mut self, evidence: CrashEvidence, now: Timestamp) {
        let crash_score = evidence.add_to(self.crash_score);
        if crash_score > MAX_CRASH_SCORE {
            let reason = "quarantined: handling this job repeatedly crashed or panicked its worker".to_owned();
            self.record(now, TrailKind::Quarantined, reason.clone());
            self.quarantined = Some(reason);
            self.due_times_mut().for_each(|due| *due = None);
            return;
        }
        let lease = LEASE.saturating_mul(1 << self.crash_score.min(MAX_CRASH_SCORE)).min(MAX_LEASE);
        self.crash_score = crash_score;
        self.due_times_mut().for_each(|due| *due = due.map(|due| due.max(now + lease)));
    }

    /// Whether handling the row may have crashed a worker.
    ///
    /// It has a crash score, it is overdue, or it holds a claim whose lease expired without an outcome. The outcome of a
    /// non-final report may be in its worker's memory, until the report is sent again.
    pub(crate) fn may_be_poison(&self, now: Timestamp) -> bool {
        let is_expired = |claimed: Timestamp| now.duration_since(claimed) >= LEASE;
        let start_claim_expired = matches!(&self.phase, Phase::Starting { last_sent_at, .. }
            if is_expired(*last_sent_at) && self.phase_due_at == Some(*last_sent_at + LEASE));
        let report_claim_expired = self.reports.iter().filter_map(|entry| entry.notification.in_flight).any(|claim| {
            let lease = if claim.status.is_final() { LEASE } else { NON_FINAL_RESEND_AFTER };
            now.duration_since(claim.at) >= lease
        });
        let is_overdue = self.due_at().is_some_and(|due| now.duration_since(due) > OVERDUE_AFTER);
        self.crash_score > 0 || start_claim_expired || report_claim_expired || is_overdue
    }
}
