use std::time::Duration;

use tokio::time::Instant;

use super::answer_times::AnswerTimes;
use super::permit::CallResult;

/// Configuration of one kind of limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LimiterConfig {
    /// Calls in flight at once, before anything is known of the limit.
    pub(crate) initial_limit: usize,
    /// Calls in flight at once, at most.
    pub(crate) max_limit: usize,
    /// Consecutive throttled calls that trip the limit.
    pub(crate) trip_after: u32,
    /// Time for which it stays tripped at first; doubled each time that the probe is throttled, too.
    pub(crate) initial_cooldown: Duration,
    /// The longest time for which it stays tripped before the next probe.
    pub(crate) max_cooldown: Duration,
    /// Jobs that keep their capacity while they wait, for each call that may be in flight.
    ///
    /// A limit that is not known yet may double with each window of calls, and a job that keeps its capacity keeps another
    /// one in the queue, whose insert is then its claim.
    pub(crate) kept_windows: usize,
}

/// How a call passes the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitPermit {
    /// Fewer calls are in flight than the limit allows.
    Regular,
    /// The cooldown is over: one call probes a tripped limit.
    Probe,
}

/// An AIMD estimate of a limit that no API shows, with a slow start and a half-open probe.
///
/// Until the first throttled call each accepted one raises it by one, which doubles it with each window. From then on
/// accepted calls raise it additively, throttled calls halve it, and consecutive throttled calls trip it for a cooldown.
/// It does not grow while the destination's answers take twice as long as its fastest ones.
#[derive(Debug)]
pub(super) struct AdaptiveLimit {
    config: LimiterConfig,
    limit: usize,
    in_flight: usize,
    /// Whether no call was throttled yet.
    is_slow_start: bool,
    answer_times: AnswerTimes,
    consecutive_refusals: u32,
    /// Regular calls that were accepted since the limit last changed.
    successes: usize,
    /// The end of the cooldown, after which the limit is probed. None while it is not tripped.
    closed_until: Option<Instant>,
    cooldown: Duration,
    /// No call before this: calls came too fast.
    paused_until: Option<Instant>,
    pause: Duration,
}

/// The pause after a call that came too fast, doubled with each further one until a call is accepted.
const MIN_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(5);

impl AdaptiveLimit {
    pub(super) fn new(config: &LimiterConfig) -> Self {
        Self {
            config: *config,
            limit: config.initial_limit,
            in_flight: 0,
            is_slow_start: true,
            answer_times: AnswerTimes::default(),
            consecutive_refusals: 0,
            successes: 0,
            closed_until: None,
            cooldown: config.initial_cooldown,
            paused_until: None,
            pause: MIN_PAUSE,
        }
    }

    /// How one more call may pass, if it may.
    pub(super) fn permit(&self, now: Instant) -> Option<LimitPermit> {
        match self.closed_until {
            _ if self.is_paused(now) => None,
            None => (self.in_flight < self.limit).then_some(LimitPermit::Regular),
            Some(until) => (until <= now && self.in_flight == 0).then_some(LimitPermit::Probe),
        }
    }

    /// How many waiting jobs keep their capacity.
    pub(super) fn kept_capacities(&self) -> usize {
        self.config.kept_windows * self.limit
    }

    pub(super) fn is_tripped(&self) -> bool {
        self.closed_until.is_some()
    }

    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    /// The end of the cooldown, or of a pause.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.closed_until.max(self.paused_until)
    }

    pub(super) fn start_call(&mut self) {
        self.in_flight += 1;
    }

    pub(super) fn shrink_to_one(&mut self) {
        self.is_slow_start = false;
        self.limit = self.limit.min(1);
        self.successes = 0;
    }

    /// Records the result of a call that passed the limit.
    pub(super) fn record(&mut self, permit: LimitPermit, result: CallResult, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match (result, permit) {
            (CallResult::Accepted(time), LimitPermit::Regular) => {
                self.reset_refusals();
                if let Some(time) = time {
                    self.answer_times.add(time, self.limit);
                }
                self.grow();
            }
            (CallResult::Accepted(_), LimitPermit::Probe) => self.reopen(),
            (CallResult::TooFast, _) => self.pause(now),
            (CallResult::Throttled(retry_after), LimitPermit::Regular) => self.on_throttled(retry_after, now),
            (CallResult::Throttled(retry_after), LimitPermit::Probe) => self.trip(retry_after, now),
            (CallResult::Inconclusive, LimitPermit::Regular) => {}
            // The next call probes, but not at once: it may learn as little.
            (CallResult::Inconclusive, LimitPermit::Probe) => {
                self.closed_until = Some(now + self.config.initial_cooldown)
            }
        }
    }

    /// Lets no call pass for a moment, and fewer at once from then on. The limit stays open: builds may have room.
    pub(super) fn pause(&mut self, now: Instant) {
        if self.is_paused(now) {
            // It was in flight when the first one was refused.
            return;
        }
        self.is_slow_start = false;
        self.limit = (self.limit / 2).max(1);
        self.successes = 0;
        self.paused_until = Some(now + self.pause);
        self.pause = (self.pause * 2).min(MAX_PAUSE);
    }

    pub(super) fn reset_refusals(&mut self) {
        self.pause = MIN_PAUSE;
        self.consecutive_refusals = 0;
    }

    /// The increase of the slow start, and the additive one after it.
    ///
    /// Calls in flight when a limit is reached are all refused, so after a refusal the limit grows by one per full
    /// window until it is back at its initial value, and by one per two successes beyond that.
    fn grow(&mut self) {
        self.successes += 1;
        let needed = match self.limit < self.config.initial_limit {
            _ if self.is_slow_start => 1,
            true => self.limit,
            false => 2,
        };
        if !self.answer_times.are_slow() && self.successes >= needed {
            self.limit = (self.limit + 1).min(self.config.max_limit);
            self.successes = 0;
        }
        if self.limit >= self.config.initial_limit {
            self.cooldown = self.config.initial_cooldown;
        }
    }

    /// Ends the cooldown after an accepted probe.
    ///
    /// One accepted call proves little: at a limit of short builds there is always a slot that another call is about
    /// to take. So the limit keeps its cooldown until it is back at its initial value.
    fn reopen(&mut self) {
        self.closed_until = None;
        self.reset_refusals();
        self.limit = 2.min(self.config.max_limit);
        self.successes = 0;
    }

    /// Multiplicative decrease.
    fn on_throttled(&mut self, retry_after: Option<Duration>, now: Instant) {
        self.consecutive_refusals += 1;
        self.is_slow_start = false;
        self.limit = (self.limit / 2).max(1);
        self.successes = 0;
        // Of the calls in flight only the first trips the limit: the others were refused for the same reason.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_halves_when_throttled_and_probes_after_its_cooldown() {
        let config = LimiterConfig {
            initial_limit: 4,
            max_limit: 8,
            trip_after: 2,
            initial_cooldown: Duration::from_secs(1),
            max_cooldown: Duration::from_secs(8),
            kept_windows: 4,
        };
        let (mut limit, now) = (AdaptiveLimit::new(&config), Instant::now());
        for is_tripped in [false, true] {
            assert_eq!(limit.permit(now), Some(LimitPermit::Regular));
            limit.start_call();
            limit.record(LimitPermit::Regular, CallResult::Throttled(None), now);
            assert_eq!(limit.is_tripped(), is_tripped);
        }
        assert_eq!((limit.limit, limit.permit(now)), (1, None));
        let later = now + config.initial_cooldown;
        assert_eq!((limit.retry_at(), limit.permit(later)), (Some(later), Some(LimitPermit::Probe)));
        limit.start_call();
        assert_eq!(limit.permit(later), None, "one probe at a time");
        limit.record(LimitPermit::Probe, CallResult::Accepted(None), later);
        assert_eq!((limit.limit, limit.permit(later)), (2, Some(LimitPermit::Regular)));
    }
}
