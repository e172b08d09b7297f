use std::time::Duration;

use tokio::time::Instant;

use super::permit::{Outcome, Right};

/// How a kind of gate behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Sends at once, before anything is known.
    pub(crate) first_width: usize,
    /// Sends at once, at the most.
    pub(crate) most_width: usize,
    /// Refusals in a row that close it.
    pub(crate) refusals: u32,
    /// How long it stays closed at first; doubled each time that the one who tried it then is refused, too.
    pub(crate) first_pause: Duration,
    /// The longest that it stays closed before somebody tries it again.
    pub(crate) most_pause: Duration,
}

/// What one worker believes of a limit that it can't see: opened a little by every send that is taken, closed by
/// refusals, tried by one job alone when it was closed long enough.
#[derive(Debug)]
pub(super) struct Gate {
    limits: Limits,
    width: usize,
    out: usize,
    refusals: u32,
    /// Sends for which its width paid and that were taken, since that width last changed.
    taken: usize,
    /// Until when it is closed; later it is to be tried. None while it is open.
    closed_until: Option<Instant>,
    pause: Duration,
    /// Places known to have fallen free since it closed.
    credits: usize,
    own_limit_until: Option<Instant>,
}

impl Gate {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            width: limits.first_width,
            out: 0,
            refusals: 0,
            taken: 0,
            closed_until: None,
            pause: limits.first_pause,
            credits: 0,
            own_limit_until: None,
        }
    }

    /// What lets one more through, if anything does.
    pub(super) fn right(&self, now: Instant) -> Option<Right> {
        match self.closed_until {
            _ if self.credits > 0 => Some(Right::Credit),
            None => (self.out < self.width).then_some(Right::Width),
            Some(until) => (until <= now && self.out == 0).then_some(Right::Trial),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed_until.is_some()
    }

    pub(super) fn opens_at(&self) -> Option<Instant> {
        self.closed_until
    }

    pub(super) fn has_credit(&self) -> bool {
        self.credits > 0
    }

    pub(super) fn has_its_own_limit(&self, now: Instant) -> bool {
        self.own_limit_until.is_some_and(|until| now < until)
    }

    pub(super) fn pay(&mut self, right: Right) {
        match right {
            Right::Credit => self.credits = self.credits.saturating_sub(1),
            Right::Width | Right::Trial => self.out += 1,
        }
    }

    /// A place fell free: an open gate needs no word of it.
    pub(super) fn credit(&mut self) {
        if self.is_closed() {
            self.credits = (self.credits + 1).min(self.limits.most_width);
        }
    }

    pub(super) fn narrow(&mut self) {
        self.width = self.width.min(1);
        self.taken = 0;
    }

    /// What came of a send that this gate paid for.
    pub(super) fn settle(&mut self, right: Right, outcome: Outcome, now: Instant) {
        if right != Right::Credit {
            self.out = self.out.saturating_sub(1);
        }
        match (outcome, right) {
            (Outcome::Taken, Right::Credit) => self.refusals = 0,
            (Outcome::Taken, Right::Width) => {
                self.refusals = 0;
                self.widen();
            }
            (Outcome::Taken, Right::Trial) => self.open(),
            (Outcome::Refused(_), Right::Credit) => self.credits = 0,
            (Outcome::Refused(wait), Right::Width) => self.refused(wait, now),
            (Outcome::Refused(wait), Right::Trial) => self.close(wait, now),
            (Outcome::Nothing, Right::Credit) => self.credits += 1,
            (Outcome::Nothing, Right::Width) => {}
            // Nothing was learnt; the next one tries, but not at once: it may well learn as little.
            (Outcome::Nothing, Right::Trial) => self.closed_until = Some(now + self.limits.first_pause),
        }
    }

    /// Refused although another gate's place was free: whatever is at its limit here is this gate's own.
    pub(super) fn was_refused_a_place_from_elsewhere(&mut self, now: Instant) {
        self.own_limit_until = Some(now + self.limits.most_pause);
    }

    /// All that are out when a limit is met are refused. So a gate that has met one widens by one when all that it lets
    /// out were taken, until it is as wide as a new one; only beyond that it grows faster, by one with every other send.
    fn widen(&mut self) {
        self.taken += 1;
        let needed = if self.width < self.limits.first_width { self.width } else { 2 };
        if self.taken >= needed {
            self.width = (self.width + 1).min(self.limits.most_width);
            self.taken = 0;
        }
        if self.width >= self.limits.first_width {
            self.pause = self.limits.first_pause;
        }
    }

    /// One was let through; that is no proof yet: at a limit of short builds there is a place free at any time, which
    /// somebody is about to take. So the pause is forgotten only by a gate that has become as wide as a new one.
    fn open(&mut self) {
        self.closed_until = None;
        self.refusals = 0;
        self.own_limit_until = None;
        self.width = 2.min(self.limits.most_width);
        self.taken = 0;
    }

    fn refused(&mut self, wait: Option<Duration>, now: Instant) {
        self.refusals += 1;
        self.width = (self.width / 2).max(1);
        self.taken = 0;
        // Of those that were out together only the first closes it: the others were refused for the same reason.
        if self.refusals >= self.limits.refusals && self.closed_until.is_none() {
            self.close(wait, now);
        }
    }

    fn close(&mut self, wait: Option<Duration>, now: Instant) {
        let asked = wait.unwrap_or_default().min(self.limits.most_pause);
        self.closed_until = Some(now + self.pause.max(asked));
        self.pause = (self.pause * 2).min(self.limits.most_pause);
    }
}
