use std::sync::Arc;
use std::time::Duration;

use super::ConcurrencyLimiter;
use super::aimd::LimitPermit;

/// What lets a job's call pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PermitSource {
    /// The destination's own limit.
    Limit(LimitPermit),
    /// A slot that is known to be free, of this destination or lent by another.
    FreedSlot,
}

/// What a call showed of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallResult {
    /// It was accepted; how long the answer took, where that shows how busy the callee is.
    Accepted(Option<Duration>),
    /// It was refused; how long to wait, if the callee said so.
    Throttled(Option<Duration>),
    /// It was refused because calls come too fast: that says nothing of how many may run at once.
    TooFast,
    /// Nothing: it was not sent, or its result says nothing of the limit.
    Inconclusive,
}

/// A permit for one call.
///
/// Dropped without a result it counts as inconclusive: another worker's write came first, or the task panicked.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Arc<ConcurrencyLimiter>,
    destination: String,
    source: PermitSource,
    /// The destination whose limit or slot the call uses.
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
        self.limiter.record(&self.destination, self.source, &self.lender, self.result);
    }
}
