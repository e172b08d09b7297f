//! Lends slots that are known to be free to destinations whose limit is tripped.
//!
//! Where the account is at its limit, a build that ends in one group makes room in every other. A group that is refused
//! lent slots has a limit of its own, and waits for its own slots.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::aimd::{AdaptiveLimit, LimitPermit, LimiterConfig};
use super::permit::{CallResult, PermitSource};

/// Slots of one destination that were freed while its limit was tripped.
#[derive(Debug, Default)]
pub(super) struct FreedSlots {
    count: usize,
    /// Until then the destination counts as one with a limit of its own, and borrows no slots.
    group_limit_until: Option<Instant>,
    /// Loans that were refused, one after the other.
    refused_loans: u32,
}

impl FreedSlots {
    fn add(&mut self, max: usize) {
        self.count = (self.count + 1).min(max);
    }

    fn is_available(&self) -> bool {
        self.count > 0
    }

    fn take(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// Records the result of a call that used a slot.
    fn record(&mut self, result: CallResult) {
        match result {
            CallResult::Accepted(_) => {}
            CallResult::Throttled(_) => self.count = 0,
            CallResult::Inconclusive | CallResult::TooFast => self.count += 1,
        }
    }

    /// Borrows none for a time after a refused loan, each time twice as long: another call may have taken the slot.
    fn refuse_loan(&mut self, config: &LimiterConfig, now: Instant) {
        let pause = config.initial_cooldown.saturating_mul(2_u32.saturating_pow(self.refused_loans));
        self.group_limit_until = Some(now + pause.min(config.max_cooldown));
        self.refused_loans += 1;
    }

    fn has_group_limit(&self, now: Instant) -> bool {
        self.group_limit_until.is_some_and(|until| now < until)
    }
}

/// One destination: its limit, and its freed slots.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) limit: AdaptiveLimit,
    slots: FreedSlots,
}

impl Destination {
    /// What lets one more call pass without a lent slot, if anything does.
    pub(super) fn permit_source(&self, now: Instant) -> Option<PermitSource> {
        if self.slots.is_available() && !self.limit.is_paused(now) {
            return Some(PermitSource::FreedSlot);
        }
        self.limit.permit(now).map(PermitSource::Limit)
    }

    pub(super) fn take(&mut self, source: PermitSource) {
        match source {
            PermitSource::Limit(_) => self.limit.start_call(),
            PermitSource::FreedSlot => self.slots.take(),
        }
    }

    fn record(&mut self, source: PermitSource, result: CallResult, now: Instant) {
        match source {
            PermitSource::Limit(permit) => {
                self.limit.record(permit, result, now);
                if permit == LimitPermit::Probe && matches!(result, CallResult::Accepted(_)) {
                    self.slots.group_limit_until = None;
                }
            }
            PermitSource::FreedSlot => {
                match result {
                    CallResult::Accepted(_) => self.limit.reset_refusals(),
                    CallResult::TooFast => self.limit.pause(now),
                    CallResult::Throttled(_) | CallResult::Inconclusive => {}
                }
                self.slots.record(result);
            }
        }
    }
}

/// All destinations of one kind, by name.
#[derive(Debug)]
pub(super) struct Destinations {
    config: LimiterConfig,
    by_name: BTreeMap<String, Destination>,
}

impl Destinations {
    pub(super) fn new(config: LimiterConfig) -> Self {
        Self { config, by_name: BTreeMap::new() }
    }

    /// A destination, with the initial limit if it is new.
    pub(super) fn entry(&mut self, name: &str) -> &mut Destination {
        self.by_name
            .entry(name.to_owned())
            .or_insert_with(|| Destination { limit: AdaptiveLimit::new(&self.config), slots: FreedSlots::default() })
    }

    /// Notes a freed slot. A limit that is not tripped has no use for it.
    pub(super) fn add_freed_slot(&mut self, name: &str) {
        if let Some(destination) = self.by_name.get_mut(name).filter(|destination| destination.limit.is_tripped()) {
            destination.slots.add(self.config.max_limit);
        }
    }

    pub(super) fn retry_at(&self, name: &str) -> Option<Instant> {
        self.by_name.get(name)?.limit.retry_at()
    }

    /// What lets one more call pass, and the destination whose limit or slot it uses.
    pub(super) fn find_permit_source(&self, name: &str, now: Instant) -> Option<(PermitSource, String)> {
        let own = self.by_name.get(name)?;
        if let Some(source) = own.permit_source(now) {
            return Some((source, name.to_owned()));
        }
        if own.slots.has_group_limit(now) {
            return None;
        }
        let may_lend = |it: &Destination| it.slots.is_available() && !it.limit.is_paused(now);
        let lender = self.by_name.iter().find(|(other, it)| *other != name && may_lend(it))?;
        Some((PermitSource::FreedSlot, lender.0.clone()))
    }

    /// Records the result of a call to `name` that used the limit or a slot of `lender`.
    pub(super) fn record(&mut self, name: &str, source: PermitSource, lender: &str, result: CallResult, now: Instant) {
        let is_loan = name != lender;
        let is_refused_loan = is_loan && matches!(result, CallResult::Throttled(_));
        if is_loan && let Some(borrower) = self.by_name.get_mut(name) {
            match result {
                CallResult::Throttled(_) => borrower.slots.refuse_loan(&self.config, now),
                CallResult::Accepted(_) => borrower.slots.refused_loans = 0,
                CallResult::Inconclusive | CallResult::TooFast => {}
            }
        }
        if let Some(lender) = self.by_name.get_mut(lender) {
            // A slot that was lent in vain is still free where it came from.
            let result = if is_refused_loan { CallResult::Inconclusive } else { result };
            lender.record(source, result, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn refused_loan_returns_the_slot_and_ends_lending() {
        let config = LimiterConfig {
            initial_limit: 1,
            max_limit: 8,
            trip_after: 1,
            initial_cooldown: Duration::from_secs(1),
            max_cooldown: Duration::from_secs(8),
            kept_windows: 4,
        };
        let (mut destinations, now) = (Destinations::new(config), Instant::now());
        for name in ["a", "b"] {
            let source = destinations.entry(name).permit_source(now).unwrap();
            destinations.entry(name).take(source);
            destinations.record(name, source, name, CallResult::Throttled(None), now);
        }
        assert_eq!(destinations.find_permit_source("b", now), None);
        destinations.add_freed_slot("a");
        let loan = (PermitSource::FreedSlot, "a".to_owned());
        assert_eq!(destinations.find_permit_source("b", now), Some(loan.clone()));
        destinations.entry("a").take(PermitSource::FreedSlot);
        assert_eq!(destinations.find_permit_source("a", now), None);
        destinations.record("b", PermitSource::FreedSlot, "a", CallResult::Throttled(None), now);
        assert_eq!(destinations.find_permit_source("b", now), None, "its limit is its own");
        assert_eq!(destinations.find_permit_source("a", now), Some(loan));
    }
}
