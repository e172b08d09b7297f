use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::ConcurrencyLimiter;

/// What lets a job through a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PermitSource {
    /// The destination is open, and not too many are out.
    Limit,
    /// The destination was closed long enough: one job tries it.
    Probe,
    /// A place is known to have fallen free.
    FreedSlot,
}

/// What a send showed of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallResult {
    /// There was room.
    Accepted,
    /// There was none; how long to wait, if the other side said so.
    Throttled(Option<Duration>),
    /// Nothing: it was not sent, or what came back is no word on the limit.
    Inconclusive,
}

/// Leave to send once. Dropped without an result, it says that nothing was learnt: a write that was lost to another
/// worker, a panic.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Arc<ConcurrencyLimiter>,
    destination: String,
    source: PermitSource,
    /// The destination that paid.
    lender: String,
    result: CallResult,
}

impl Permit {
    pub(super) fn new(
        limiter: Arc<ConcurrencyLimiter>,
        destination: String,
        source: PermitSource,
        lender: String,
    ) -> Self {
        Self { limiter, destination, source, lender, result: CallResult::Inconclusive }
    }

    pub(crate) fn record(mut self, result: CallResult) {
        self.result = result;
    }

    pub(crate) fn is_for(&self, limiter: &Arc<ConcurrencyLimiter>, destination: &str) -> bool {
        self.destination == destination && Arc::ptr_eq(&self.limiter, limiter)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = Instant::now();
        let is_borrowed = self.lender != self.destination;
        let is_refused = matches!(self.result, CallResult::Throttled(_));
        let mut state = self.limiter.state();
        if is_borrowed
            && is_refused
            && let Some(destination) = state.limits.get_mut(&self.destination)
        {
            destination.note_group_limit(now);
        }
        if let Some(lender) = state.limits.get_mut(&self.lender) {
            // A place that was lent in vain is still free at home.
            let result = if is_borrowed && is_refused { CallResult::Inconclusive } else { self.result };
            lender.record(self.source, result, now);
        }
        drop(state);
        self.limiter.changed.notify_one();
    }
}
