//! What is held against a row that may be what its workers die of.

use std::time::Duration;

use crate::domain::row::{Phase, Row};
use crate::domain::rules::{LEASE, LONGEST_LEASE, MOST_DOUBTFUL, MOST_STRIKES, OVERDUE, SEASONED};
use crate::domain::timestamp::Timestamp;

/// A handling that did not come to its end, or may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strike {
    /// It panicked: three of them, each after another handling that was begun, put a row aside.
    Panicked,
    /// It begins, and may be the last that its worker does.
    Begun {
        /// How long this worker has lived.
        lived: Duration,
    },
}

impl Strike {
    /// What is held against a row then. Where workers do not live long, whatever they do, little can be said of one row.
    fn added_to(self, strikes: u32) -> u32 {
        match self {
            Self::Panicked => strikes + 4,
            Self::Begun { lived } if lived >= SEASONED => strikes + 1,
            Self::Begun { .. } => strikes.max(MOST_DOUBTFUL.min(strikes + 1)),
        }
    }
}

impl Row {
    /// Holds a handling against the row; until it has ended, nobody else is to look at the row for a while. With too
    /// many of them it is put aside, whatever it waits for: it would take the other jobs' workers with it.
    pub(crate) fn strike(&mut self, strike: Strike, now: Timestamp) {
        let strikes = strike.added_to(self.strikes);
        if strikes > MOST_STRIKES {
            let reason = "put aside: handling it was begun again and again, and never came to its end".to_owned();
            self.note(now, reason.clone());
            self.isolated = Some(reason);
            (self.phase_due, self.telling.due) = (None, None);
            return;
        }
        let lease = LEASE.saturating_mul(1 << self.strikes.min(MOST_STRIKES)).min(LONGEST_LEASE);
        self.strikes = strikes;
        self.phase_due = self.phase_due.map(|due| due.max(now + lease));
        self.telling.due = self.telling.due.map(|due| due.max(now + lease));
    }

    /// Whether a worker may have died of handling the row: it was struck before, it is due for long, or it holds a
    /// claim whose lease ran out without a word.
    pub(crate) fn is_suspect(&self, now: Timestamp) -> bool {
        let is_over = |claimed: Timestamp| now.since(claimed) >= LEASE;
        let has_lost_a_sender = matches!(&self.phase, Phase::Starting { last_sent_at, .. }
            if is_over(*last_sent_at) && self.phase_due == Some(*last_sent_at + LEASE));
        let has_lost_a_teller = self.telling.under_way.is_some_and(|claimed| is_over(claimed.at));
        let is_overdue = self.due_at().is_some_and(|due| now.since(due) > OVERDUE);
        self.strikes > 0 || has_lost_a_sender || has_lost_a_teller || is_overdue
    }
}
