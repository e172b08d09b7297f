use doorbell_messages::Status;
use serde::{Deserialize, Serialize};

use crate::domain::report_target::ReportTarget;
use crate::domain::timestamp::Timestamp;

/// A destination of a job's status reports, with the state of its notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportEntry {
    /// The destination.
    #[serde(flatten)]
    pub target: ReportTarget,
    /// What the destination has, and what it gets next.
    #[serde(flatten)]
    pub notification: NotificationState,
}

/// What a destination knows of a job, which report is in flight, and when the next one is due.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationState {
    /// A report that was claimed and has no known outcome yet: one per destination at a time.
    pub in_flight: Option<StatusAt>,
    /// The latest status that the destination is known to have.
    pub delivered: Option<StatusAt>,
    /// Whether a report of a non-final status may still arrive, and overwrite a later one.
    pub stale_possible: bool,
    /// When the latest such report was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Timestamp>,
    /// Whether the final status was sent again because of it.
    pub final_resent: bool,
    /// Tries of the present status.
    pub tries: u32,
    /// How many of them the destination could not store.
    pub conflicts: u32,
    /// Why the report cannot be delivered.
    pub undeliverable: Option<String>,
    /// No report before this.
    pub not_before: Option<Timestamp>,
    /// When the next report is due.
    pub due_at: Option<Timestamp>,
}

/// A status, and when its report was claimed or delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusAt {
    /// The status.
    pub status: Status,
    /// When.
    pub at: Timestamp,
}

/// That a destination took a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The position of the destination in the row's reports.
    pub(crate) entry: usize,
    /// The claim of the report.
    pub(crate) claim: StatusAt,
    /// When the worker heard of it.
    pub(crate) delivered_at: Timestamp,
}

impl ReportEntry {
    /// A destination that has received nothing yet.
    pub fn new(target: ReportTarget) -> Self {
        Self { target, notification: NotificationState::default() }
    }
}

impl NotificationState {
    /// Lets a new status be sent at once: the backoff of the one before it does not apply.
    pub(crate) fn reset_retries(&mut self) {
        self.tries = 0;
        self.conflicts = 0;
        self.not_before = None;
    }

    pub(crate) fn mark_outcome_unknown(&mut self, claim: StatusAt) {
        if !claim.status.is_final() {
            self.stale_possible = true;
            self.stale_since = Some(claim.at);
        }
    }
}
