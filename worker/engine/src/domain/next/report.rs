//! Status reports: claims of those that are due, their outcomes, and the end of a job that owes none.

use std::time::Duration;

use doorbell_messages::Status;

use crate::domain::backoff;
use crate::domain::config::{
    JobConfig, LEASE, NON_FINAL_REPORT_LEASE, NON_FINAL_RESEND_AFTER, QUEUED_STATUS_DELAY, REPORT_DEADLINE,
    RESEND_FINAL_AFTER, STALE_REPORT_WINDOW,
};
use crate::domain::effect::{Admission, DecisionContext, Effect};
use crate::domain::notification::{NotificationState, Receipt, StatusAt};
use crate::domain::observation::DeliveryOutcome;
use crate::domain::provider_build::one_line;
use crate::domain::row::Row;
use crate::domain::status_report::StatusReport;
use crate::domain::timestamp::Timestamp;
use crate::domain::trail::TrailKind;

/// The longest delay that a destination may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The number of conflicts after which a destination cannot store a status at all.
///
/// Eight parallel posts of one report got one success and seven conflicts from a forge on a busy database.
const MAX_DELIVERY_CONFLICTS: u32 = 6;

/// Applies the outcome of a report to its entry.
///
/// The outcome of a claim that the entry no longer has (its lease expired, and it was claimed again) changes nothing.
/// The time alone would not tell two claims apart: workers' clocks differ, and one may claim the next status in the same
/// millisecond of its own.
pub(super) fn on_delivery_result(
    row: &mut Row,
    entry: usize,
    claim: StatusAt,
    outcome: DeliveryOutcome,
    now: Timestamp,
) {
    let is_past_deadline = row.ended_at().is_some_and(|ended| now.duration_since(ended) > REPORT_DEADLINE);
    let Some(report) = row.reports.get_mut(entry) else { return };
    let notification = &mut report.notification;
    if notification.in_flight != Some(claim) {
        return;
    }
    notification.in_flight = None;
    notification.tries += 1;
    let is_first_try = notification.tries == 1;
    let delay = backoff::REPORT.delay(row.key.as_str(), notification.tries);
    let status = claim.status;
    let recorded = match outcome {
        DeliveryOutcome::Delivered => {
            mark_delivered(notification, claim, now);
            Some((TrailKind::Reported, format!("reported to forge: {status}")))
        }
        DeliveryOutcome::Failed { reason, .. }
        | DeliveryOutcome::Conflict(reason)
        | DeliveryOutcome::Unknown(reason)
            if is_past_deadline =>
        {
            let days = REPORT_DEADLINE.as_secs() / 86_400;
            Some(mark_undeliverable(notification, status, &format!("not in {days} days: {reason}")))
        }
        DeliveryOutcome::Failed { reason, retry_after } => {
            let requested = retry_after.map(|seconds| Duration::from_secs(seconds.into()).min(MAX_RETRY_AFTER));
            notification.not_before = Some(now + requested.unwrap_or_default().max(delay));
            first_failure(is_first_try, &format!("status report {status} failed, will retry: {reason}"))
        }
        DeliveryOutcome::Conflict(reason) if notification.conflicts + 1 >= MAX_DELIVERY_CONFLICTS => {
            Some(mark_undeliverable(notification, status, &reason))
        }
        DeliveryOutcome::Conflict(reason) => {
            notification.conflicts += 1;
            notification.not_before = Some(now + delay);
            first_failure(is_first_try, &format!("status report {status} failed, will retry: {reason}"))
        }
        DeliveryOutcome::Unknown(reason) => {
            notification.mark_outcome_unknown(claim);
            notification.not_before = Some(now + delay);
            first_failure(is_first_try, &format!("status report {status} has an unknown outcome: {reason}"))
        }
        DeliveryOutcome::Undeliverable(reason) => Some(mark_undeliverable(notification, status, &reason)),
    };
    if let Some((kind, message)) = recorded {
        row.record(now, kind, message);
    }
}

impl Receipt {
    /// The row with this receipt. A claim that the row no longer has changes nothing.
    pub(crate) fn applied_to(&self, row: &Row) -> Row {
        let mut row = row.clone();
        on_delivery_result(&mut row, self.entry, self.claim, DeliveryOutcome::Delivered, self.delivered_at);
        row
    }
}

fn mark_delivered(notification: &mut NotificationState, claim: StatusAt, now: Timestamp) {
    let already_final = notification.delivered.is_some_and(|delivered| delivered.status.is_final());
    notification.final_resent = already_final && claim.status.is_final();
    if claim.status.is_final()
        && notification.stale_since.is_some_and(|at| claim.at.duration_since(at) >= STALE_REPORT_WINDOW)
    {
        // Each earlier report has arrived before this one: that is as good as sending it twice.
        notification.stale_possible = false;
    }
    notification.delivered = Some(StatusAt { status: claim.status, at: now });
    notification.reset_retries();
}

fn mark_undeliverable(notification: &mut NotificationState, status: Status, reason: &str) -> (TrailKind, String) {
    let reason = one_line(reason);
    let message = format!("forge permanently rejected status {status}: {reason}");
    notification.undeliverable = Some(reason);
    (TrailKind::ReportUndeliverable, message)
}

/// Only the first failure of a status is recorded: a forge that is down for a day must not fill the trail.
fn first_failure(is_first_try: bool, message: &str) -> Option<(TrailKind, String)> {
    is_first_try.then(|| (TrailKind::ReportFailed, one_line(message)))
}

/// Claims the next report that is due, and sets the due times of the others. Settles a job that owes no more reports.
///
/// One report is claimed for each write: the permit of a destination is acquired with its claim. A second one that is
/// due at the same time stays due, and is claimed by the decision that follows the first.
pub(super) fn claim_due_report(row: &mut Row, context: DecisionContext, config: &JobConfig) -> Option<Effect> {
    let mut effect = None;
    let mut is_done = row.is_over() && row.repeat.is_none() && !row.owes_done_event();
    for entry in 0..row.reports.len() {
        row.reports[entry].notification.due_at = None;
        if row.settled_at.is_some() {
            continue;
        }
        match next_step(row, entry, context.now) {
            NextReport::Nothing => continue,
            NextReport::At(due) => row.reports[entry].notification.due_at = Some(due),
            NextReport::Now if effect.is_some() => row.reports[entry].notification.due_at = Some(context.now),
            NextReport::Now => effect = claim(row, entry, context, config),
        }
        is_done = false;
    }
    if is_done && row.settled_at.is_none() {
        row.phase_due_at = None;
        row.settled_at = Some(context.now);
    }
    effect
}

enum NextReport {
    Nothing,
    Now,
    At(Timestamp),
}

fn next_step(row: &mut Row, entry: usize, now: Timestamp) -> NextReport {
    if row.reports[entry].notification.undeliverable.is_some() {
        return NextReport::Nothing;
    }
    if let Some(claim) = row.reports[entry].notification.in_flight {
        let is_all = is_all_there_is_to_say(claim.status, row.status());
        let until = claim.at + claim_lease(claim.status, is_all);
        if now < until {
            // While a report is on its way, its worker's own write shows it the row's change, and it goes on from there.
            return if is_all && row.phase_due_at.is_some() { NextReport::Nothing } else { NextReport::At(until) };
        }
        let notification = &mut row.reports[entry].notification;
        notification.in_flight = None;
        notification.mark_outcome_unknown(claim);
    }
    next_report(row, &row.reports[entry].notification, now)
}

/// Whether a non-final report that was claimed leaves nothing to report on a row of this status.
fn is_all_there_is_to_say(claimed: Status, status: Status) -> bool {
    !status.is_final() && (claimed == status || status == Status::Queued)
}

/// How long after its claim a report without an outcome in the row holds up the next one.
///
/// A worker may keep the receipt of a non-final report in its memory, and no other worker can tell that from a report
/// whose worker died. So it is not sent again soon, and its claim has no due time where the phase has one. The next
/// status only waits until the report is no longer on its way.
fn claim_lease(claimed: Status, is_all_there_is_to_say: bool) -> Duration {
    match (claimed.is_final(), is_all_there_is_to_say) {
        (true, _) => LEASE,
        (false, true) => NON_FINAL_RESEND_AFTER,
        (false, false) => NON_FINAL_REPORT_LEASE,
    }
}

fn claim(row: &mut Row, entry: usize, context: DecisionContext, config: &JobConfig) -> Option<Effect> {
    let now = context.now;
    let report = StatusReport::for_row(row, config);
    let key = row.key.as_str().to_owned();
    let is_phase_due = row.phase_due_at.is_some();
    let notification = &mut row.reports[entry].notification;
    let backoff = match context.forge_admission {
        Admission::Granted => {
            let claim = StatusAt { status: report.status, at: now };
            notification.in_flight = Some(claim);
            let due = now + claim_lease(claim.status, !claim.status.is_final());
            notification.due_at = Some(due).filter(|_| claim.status.is_final() || !is_phase_due);
            let target = row.reports[entry].target.clone();
            return Some(Effect::ReportStatus { entry, target, report, claim });
        }
        Admission::Queued => backoff::QUEUED,
        Admission::Closed => backoff::FORGE_DOWN,
    };
    notification.due_at = Some(now + backoff.delay(&key, notification.tries + 1));
    None
}

fn next_report(row: &Row, notification: &NotificationState, now: Timestamp) -> NextReport {
    let status = row.status();
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
