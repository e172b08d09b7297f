//! What is held against a row that may be what its workers die of.

use std::time::Duration;

use crate::domain::config::{
    LEASE, MAX_CRASH_SCORE, MAX_LEASE, MAX_SCORE_FROM_YOUNG_WORKERS, MIN_WORKER_UPTIME, OVERDUE_AFTER,
};
use crate::domain::row::{Phase, Row};
use crate::domain::timestamp::Timestamp;

/// A handling that did not come to its end, or may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CrashEvidence {
    /// It panicked: three of them, each after another handling that was begun, put a row aside.
    Panicked,
    /// It begins, and may be the last that its worker does.
    HandlingStarted {
        /// How long this worker has lived.
        worker_uptime: Duration,
    },
}

impl CrashEvidence {
    /// What is held against a row then. Where workers do not live long, whatever they do, little can be said of one row.
    fn add_to(self, crash_score: u32) -> u32 {
        match self {
            Self::Panicked => crash_score + 4,
            Self::HandlingStarted { worker_uptime } if worker_uptime >= MIN_WORKER_UPTIME => crash_score + 1,
            Self::HandlingStarted { .. } => crash_score.max(MAX_SCORE_FROM_YOUNG_WORKERS.min(crash_score + 1)),
        }
    }
}

impl Row {
    /// Holds a handling against the row; until it has ended, nobody else is to look at the row for a while. With too
    /// many of them it is put aside, whatever it waits for: it would take the other jobs' workers with it.
    pub(crate) fn add_crash_evidence(&mut self, evidence: CrashEvidence, now: Timestamp) {
        let crash_score = evidence.add_to(self.crash_score);
        if crash_score > MAX_CRASH_SCORE {
            let reason = "put aside: handling it was begun again and again, and never came to its end".to_owned();
            self.record(now, reason.clone());
            self.quarantined = Some(reason);
            (self.phase_due_at, self.notification.due_at) = (None, None);
            return;
        }
        let lease = LEASE.saturating_mul(1 << self.crash_score.min(MAX_CRASH_SCORE)).min(MAX_LEASE);
        self.crash_score = crash_score;
        self.phase_due_at = self.phase_due_at.map(|due| due.max(now + lease));
        self.notification.due_at = self.notification.due_at.map(|due| due.max(now + lease));
    }

    /// Whether a worker may have died of handling the row: it was struck before, it is due for long, or it holds a
    /// claim whose lease ran out without a word.
    pub(crate) fn may_be_poison(&self, now: Timestamp) -> bool {
        let is_expired = |claimed: Timestamp| now.running_since(claimed) >= LEASE;
        let start_claim_expired = matches!(&self.phase, Phase::Starting { last_sent_at, .. }
            if is_expired(*last_sent_at) && self.phase_due_at == Some(*last_sent_at + LEASE));
        let report_claim_expired = self.notification.in_flight.is_some_and(|claim| is_expired(claim.at));
        let is_overdue = self.due_at().is_some_and(|due| now.running_since(due) > OVERDUE_AFTER);
        self.crash_score > 0 || start_claim_expired || report_claim_expired || is_overdue
    }
}
