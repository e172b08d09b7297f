use std::time::Duration;

use tokio::time::Instant;

use super::permit::{CallResult, PermitSource};

/// How a kind of gate behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LimiterConfig {
    /// Sends at once, before anything is known.
    pub(crate) initial_limit: usize,
    /// Sends at once, at the most.
    pub(crate) max_limit: usize,
    /// Refusals in a row that close it.
    pub(crate) trip_after: u32,
    /// How long it stays closed at first; doubled each time that the one who tried it then is refused, too.
    pub(crate) initial_cooldown: Duration,
    /// The longest that it stays closed before somebody tries it again.
    pub(crate) max_cooldown: Duration,
}

/// What one worker believes of a limit that it can't see: opened a little by every send that is taken, closed by
/// refusals, tried by one job alone when it was closed long enough.
#[derive(Debug)]
pub(super) struct AdaptiveLimit {
    config: LimiterConfig,
    limit: usize,
    in_flight: usize,
    consecutive_refusals: u32,
    /// Sends for which its width paid and that were taken, since that width last changed.
    successes: usize,
    /// Until when it is closed; later it is to be tried. None while it is open.
    closed_until: Option<Instant>,
    cooldown: Duration,
    /// Places known to have fallen free since it closed.
    freed_slots: usize,
    group_limit_until: Option<Instant>,
}

impl AdaptiveLimit {
    pub(super) fn new(limits: &LimiterConfig) -> Self {
        Self {
            config: *limits,
            limit: limits.initial_limit,
            in_flight: 0,
            consecutive_refusals: 0,
            successes: 0,
            closed_until: None,
            cooldown: limits.initial_cooldown,
            freed_slots: 0,
            group_limit_until: None,
        }
    }

    /// What lets one more through, if anything does.
    pub(super) fn permit_source(&self, now: Instant) -> Option<PermitSource> {
        match self.closed_until {
            _ if self.freed_slots > 0 => Some(PermitSource::FreedSlot),
            None => (self.in_flight < self.limit).then_some(PermitSource::Limit),
            Some(until) => (until <= now && self.in_flight == 0).then_some(PermitSource::Probe),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed_until.is_some()
    }

    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.closed_until
    }

    pub(super) fn has_freed_slot(&self) -> bool {
        self.freed_slots > 0
    }

    pub(super) fn has_group_limit(&self, now: Instant) -> bool {
        self.group_limit_until.is_some_and(|until| now < until)
    }

    pub(super) fn take(&mut self, source: PermitSource) {
        match source {
            PermitSource::FreedSlot => self.freed_slots = self.freed_slots.saturating_sub(1),
            PermitSource::Limit | PermitSource::Probe => self.in_flight += 1,
        }
    }

    /// A place fell free: an open gate needs no word of it.
    pub(super) fn add_freed_slot(&mut self) {
        if self.is_closed() {
            self.freed_slots = (self.freed_slots + 1).min(self.config.max_limit);
        }
    }

    pub(super) fn shrink_to_one(&mut self) {
        self.limit = self.limit.min(1);
        self.successes = 0;
    }

    /// What came of a send that this gate paid for.
    pub(super) fn record(&mut self, source: PermitSource, result: CallResult, now: Instant) {
        if source != PermitSource::FreedSlot {
            self.in_flight = self.in_flight.saturating_sub(1);
        }
        match (result, source) {
            (CallResult::Accepted, PermitSource::FreedSlot) => self.consecutive_refusals = 0,
            (CallResult::Accepted, PermitSource::Limit) => {
                self.consecutive_refusals = 0;
                self.grow();
            }
            (CallResult::Accepted, PermitSource::Probe) => self.reopen(),
            (CallResult::Throttled(_), PermitSource::FreedSlot) => self.freed_slots = 0,
            (CallResult::Throttled(retry_after), PermitSource::Limit) => self.on_throttled(retry_after, now),
            (CallResult::Throttled(retry_after), PermitSource::Probe) => self.trip(retry_after, now),
            (CallResult::Inconclusive, PermitSource::FreedSlot) => self.freed_slots += 1,
            (CallResult::Inconclusive, PermitSource::Limit) => {}
            // Nothing was learnt; the next one tries, but not at once: it may well learn as little.
            (CallResult::Inconclusive, PermitSource::Probe) => {
                self.closed_until = Some(now + self.config.initial_cooldown)
            }
        }
    }

    /// Refused although another gate's place was free: whatever is at its limit here is this gate's own.
    pub(super) fn note_group_limit(&mut self, now: Instant) {
        self.group_limit_until = Some(now + self.config.max_cooldown);
    }

    /// All that are out when a limit is met are refused. So a gate that has met one widens by one when all that it lets
    /// out were taken, until it is as wide as a new one; only beyond that it grows faster, by one with every other send.
    fn grow(&mut self) {
        self.successes += 1;
        let needed = if self.limit < self.config.initial_limit { self.limit } else { 2 };
        if self.successes >= needed {
            self.limit = (self.limit + 1).min(self.config.max_limit);
            self.successes = 0;
        }
        if self.limit >= self.config.initial_limit {
            self.cooldown = self.config.initial_cooldown;
        }
    }

    /// One was let through; that is no proof yet: at a limit of short builds there is a place free at any time, which
    /// somebody is about to take. So the pause is forgotten only by a gate that has become as wide as a new one.
    fn reopen(&mut self) {
        self.closed_until = None;
        self.consecutive_refusals = 0;
        self.group_limit_until = None;
        self.limit = 2.min(self.config.max_limit);
        self.successes = 0;
    }

    fn on_throttled(&mut self, retry_after: Option<Duration>, now: Instant) {
        self.consecutive_refusals += 1;
        self.limit = (self.limit / 2).max(1);
        self.successes = 0;
        // Of those that were out together only the first closes it: the others were refused for the same reason.
        if self.consecutive_refusals >= self.config.trip_after && self.closed_until.is_none() {
            self.trip(retry_after, now);
        }
    }

    fn trip(&mut self, retry_after: Option<Duration>, now: Instant) {
        let asked = retry_after.unwrap_or_default().min(self.config.max_cooldown);
        self.closed_until = Some(now + self.cooldown.max(asked));
        self.cooldown = (self.cooldown * 2).min(self.config.max_cooldown);
    }
}
