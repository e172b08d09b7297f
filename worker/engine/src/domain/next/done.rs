//! The done event: made by the write that ends a job, claimed, published, and marked.
//!
//! It is independent of the job's reports: neither holds up the other. The job is settled when both are over.

use crate::domain::backoff;
use crate::domain::config::{JobConfig, LEASE, REPORT_DEADLINE};
use crate::domain::done_event::{PublishOutcome, done_event};
use crate::domain::effect::{Admission, DecisionContext, Effect};
use crate::domain::provider_build::one_line;
use crate::domain::row::Row;
use crate::domain::timestamp::Timestamp;
use crate::domain::trail::TrailKind;

/// Claims the done event if it is due, and sets its due time otherwise.
///
/// A claim whose worker died is repeated when its lease has expired: with the same bytes, which subscribers know by their
/// id.
pub(super) fn claim_done_event(row: &mut Row, context: DecisionContext, config: &JobConfig) -> Option<Effect> {
    let now = context.now;
    let state = row.done_event.as_mut()?;
    state.due_at = None;
    if !state.is_owed() {
        return None;
    }
    if let Some(claim) = state.in_flight.filter(|claim| now.duration_since(*claim) < LEASE) {
        state.due_at = Some(claim + LEASE);
        return None;
    }
    state.in_flight = None;
    if let Some(not_before) = state.not_before.filter(|not_before| *not_before > now) {
        state.due_at = Some(not_before);
        return None;
    }
    let backoff = match context.topic_admission {
        Admission::Granted => {
            state.in_flight = Some(now);
            state.due_at = Some(now + LEASE);
            let event = done_event(row, &config.installation)?;
            return Some(Effect::PublishDoneEvent { event: Box::new(event), claim: now });
        }
        Admission::Queued => backoff::QUEUED,
        Admission::Closed => backoff::FORGE_DOWN,
    };
    state.due_at = Some(now + backoff.delay(row.key.as_str(), state.tries + 1));
    None
}

/// Applies the outcome of a call. That of a claim which the row no longer has changes nothing.
pub(super) fn on_done_event_sent(
    row: &mut Row,
    claim: Timestamp,
    outcome: PublishOutcome,
    now: Timestamp,
    config: &JobConfig,
) {
    let age = row.ended_at().map(|ended| now.duration_since(ended)).unwrap_or_default();
    let Some(state) = row.done_event.as_mut().filter(|state| state.in_flight == Some(claim)) else { return };
    state.in_flight = None;
    state.tries += 1;
    let is_first_try = state.tries == 1;
    let (reason, deadline) = match outcome {
        PublishOutcome::Published => {
            state.published_at = Some(now);
            return row.record(now, TrailKind::DoneEventPublished, "published the done event");
        }
        PublishOutcome::Failed(reason) => (one_line(&reason), REPORT_DEADLINE),
        PublishOutcome::Refused(reason) => (one_line(&reason), config.queue_timeout),
    };
    if age > deadline {
        let text = format!("done event given up after {} h: {reason}", deadline.as_secs() / 3600);
        state.given_up = Some(reason);
        return row.record(now, TrailKind::DoneEventFailed, text);
    }
    state.not_before = Some(now + backoff::REPORT.delay(row.key.as_str(), state.tries));
    if is_first_try {
        row.record(now, TrailKind::DoneEventFailed, format!("done event failed, will retry: {reason}"));
    }
}
