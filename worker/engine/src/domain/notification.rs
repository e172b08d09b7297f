use std::time::Duration;

use doorbell_messages::Status;
use serde::{Deserialize, Serialize};

use crate::domain::backoff;
use crate::domain::config::{
    JobConfig, LEASE, QUEUED_STATUS_DELAY, REPORT_DEADLINE, RESEND_FINAL_AFTER, SEND_DEADLINE,
};
use crate::domain::observation::{Admission, DecisionContext, DeliveryOutcome, Effect};
use crate::domain::provider_build::one_line;
use crate::domain::row::{Phase, Row};
use crate::domain::status_report::StatusReport;
use crate::domain::timestamp::Timestamp;

/// What the forge was told of a job, what may be on its way to it, and when it is told next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationState {
    /// A notification that was claimed and has no known outcome yet: one per job at a time.
    pub in_flight: Option<StatusAt>,
    /// The latest status that the forge is known to have.
    pub delivered: Option<StatusAt>,
    /// Whether a notification of a status that was not final may still arrive at the forge, over whatever it has then.
    pub stale_possible: bool,
    /// When the latest such notification was claimed. None in rows of workers that did not keep it: then the doubt is as
    /// young as can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Timestamp>,
    /// Whether the final status was told once more because of it.
    pub final_resent: bool,
    /// Tries of the present status.
    pub tries: u32,
    /// How many of them the forge said it can't store.
    pub conflicts: u32,
    /// Why the forge will never take it.
    pub undeliverable: Option<String>,
    /// Not before this.
    pub not_before: Option<Timestamp>,
    /// When notification wants to be looked at.
    pub due_at: Option<Timestamp>,
}

/// A status, and when it was claimed or taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusAt {
    /// The status.
    pub status: Status,
    /// When.
    pub at: Timestamp,
}

impl NotificationState {
    /// A new status is told at once: the back-off of the one before it is not its own.
    pub(super) fn reset_retries(&mut self) {
        self.tries = 0;
        self.conflicts = 0;
        self.not_before = None;
    }

    fn mark_outcome_unknown(&mut self, claim: StatusAt) {
        if !claim.status.is_final() {
            self.stale_possible = true;
            self.stale_since = Some(claim.at);
        }
    }
}

/// The longest wait that a forge may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// So long after its claim a notification has arrived or never will: it was sent within the claim's leave.
const STALE_REPORT_WINDOW: Duration = SEND_DEADLINE.saturating_add(RESEND_FINAL_AFTER);

/// Tries of a status that the forge says it can't store, before that is believed: eight parallel posts of one flag
/// got one 200 and seven `400 EDBERROR` from a Pagure on PostgreSQL.
const MAX_DELIVERY_CONFLICTS: u32 = 6;

/// Takes in what came of a notification. One that this row no longer knows of (its lease ran out, and it was claimed
/// again) changes nothing.
///
/// The time alone would not tell two claims apart: workers' clocks differ, and one may claim the next status in the same
/// millisecond of its own.
pub(super) fn on_delivery_result(row: &mut Row, claim: StatusAt, outcome: DeliveryOutcome, now: Timestamp) {
    if row.notification.in_flight != Some(claim) {
        return;
    }
    let is_past_deadline = row.ended_at().is_some_and(|ended| now.running_since(ended) > REPORT_DEADLINE);
    let notification = &mut row.notification;
    notification.in_flight = None;
    notification.tries += 1;
    let delay = backoff::REPORT.delay(row.key.as_str(), notification.tries);
    match outcome {
        DeliveryOutcome::Delivered => {
            let already_final = notification.delivered.is_some_and(|delivered| delivered.status.is_final());
            notification.final_resent = already_final && claim.status.is_final();
            if claim.status.is_final()
                && notification.stale_since.is_some_and(|at| claim.at.running_since(at) >= STALE_REPORT_WINDOW)
            {
                // Whatever was on its way has arrived before this one: that is as good as having told it twice.
                notification.stale_possible = false;
            }
            notification.delivered = Some(StatusAt { status: claim.status, at: now });
            notification.reset_retries();
            row.record(now, format!("told the forge: {}", claim.status));
        }
        DeliveryOutcome::Failed { reason, .. }
        | DeliveryOutcome::Conflict(reason)
        | DeliveryOutcome::Unknown(reason)
            if is_past_deadline =>
        {
            mark_undeliverable(
                row,
                now,
                claim.status,
                &format!("not in {} days: {reason}", REPORT_DEADLINE.as_secs() / 86_400),
            );
        }
        DeliveryOutcome::Failed { reason, retry_after } => {
            let requested = retry_after.map(|seconds| Duration::from_secs(seconds.into()).min(MAX_RETRY_AFTER));
            notification.not_before = Some(now + requested.unwrap_or_default().max(delay));
            record_first_failure(row, now, &format!("the forge did not take {}: {reason}", claim.status));
        }
        DeliveryOutcome::Conflict(reason) if notification.conflicts + 1 >= MAX_DELIVERY_CONFLICTS => {
            mark_undeliverable(row, now, claim.status, &reason);
        }
        DeliveryOutcome::Conflict(reason) => {
            notification.conflicts += 1;
            notification.not_before = Some(now + delay);
            record_first_failure(row, now, &format!("the forge did not take {}: {reason}", claim.status));
        }
        DeliveryOutcome::Unknown(reason) => {
            notification.mark_outcome_unknown(claim);
            notification.not_before = Some(now + delay);
            record_first_failure(
                row,
                now,
                &format!("it is not known whether the forge took {}: {reason}", claim.status),
            );
        }
        DeliveryOutcome::Undeliverable(reason) => mark_undeliverable(row, now, claim.status, &reason),
    }
}

fn mark_undeliverable(row: &mut Row, now: Timestamp, status: Status, reason: &str) {
    let reason = one_line(reason);
    row.record(now, format!("the forge will never take {status}: {reason}"));
    row.notification.undeliverable = Some(reason);
}

/// A forge that is down for a day must not fill the trail.
fn record_first_failure(row: &mut Row, now: Timestamp, text: &str) {
    if row.notification.tries == 1 {
        row.record(now, one_line(text));
    }
}

/// Claims the notification that is owed now, or sets when to look again; settles a row that owes nothing more.
pub(super) fn claim_due_report(row: &mut Row, context: DecisionContext, config: &JobConfig) -> Option<Effect> {
    let now = context.now;
    row.notification.due_at = None;
    if row.settled_at.is_some() {
        return None;
    }
    let is_over = matches!(row.phase, Phase::Finished { .. } | Phase::Rejected { .. });
    let target = row.target().cloned();
    let Some(target) = target.filter(|_| row.notification.undeliverable.is_none()) else {
        if is_over {
            settle(row, now);
        }
        return None;
    };
    if let Some(claim) = row.notification.in_flight {
        if now.running_since(claim.at) < LEASE {
            // Its teller lives: told of the row's change by its own conflicting write, it goes on from there.
            row.notification.due_at = Some(claim.at + LEASE);
            return None;
        }
        row.notification.in_flight = None;
        row.notification.mark_outcome_unknown(claim);
    }
    match next_report(row, now) {
        NextReport::Nothing if is_over => {
            settle(row, now);
            None
        }
        NextReport::Nothing => None,
        NextReport::At(due) => {
            row.notification.due_at = Some(due);
            None
        }
        NextReport::Now if context.report_admission != Admission::Granted => {
            let backoff =
                if context.report_admission == Admission::Queued { backoff::QUEUED } else { backoff::FORGE_DOWN };
            row.notification.due_at = Some(now + backoff.delay(row.key.as_str(), row.notification.tries + 1));
            None
        }
        NextReport::Now => {
            let report = StatusReport::for_row(row, config);
            let claim = StatusAt { status: report.status, at: now };
            row.notification.in_flight = Some(claim);
            row.notification.due_at = Some(now + LEASE);
            Some(Effect::ReportStatus { target, report, claim })
        }
    }
}

enum NextReport {
    Nothing,
    Now,
    At(Timestamp),
}

fn next_report(row: &Row, now: Timestamp) -> NextReport {
    let status = row.status();
    let notification = &row.notification;
    let delivered = notification.delivered.map(|delivered| delivered.status);
    let at = if delivered != Some(status) {
        match status {
            // Never backwards: a row that has lost its build again (an attempt that is repeated) stays "running".
            Status::Queued if delivered.is_some() => return NextReport::Nothing,
            Status::Queued => row.received_at + QUEUED_STATUS_DELAY,
            _ => now,
        }
    } else if status.is_final() && notification.stale_possible && !notification.final_resent {
        notification.delivered.map_or(now, |delivered| delivered.at + RESEND_FINAL_AFTER)
    } else {
        return NextReport::Nothing;
    };
    match notification.not_before.map_or(at, |not_before| not_before.max(at)) {
        at if at <= now => NextReport::Now,
        at => NextReport::At(at),
    }
}

fn settle(row: &mut Row, now: Timestamp) {
    row.phase_due_at = None;
    row.notification.due_at = None;
    row.settled_at = Some(now);
}
