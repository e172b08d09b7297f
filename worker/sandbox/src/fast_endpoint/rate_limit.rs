//! A limit of calls a second, which all callers of a service share.
use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The calls of the last second.
#[derive(Debug, Default)]
pub(super) struct RateLimit(VecDeque<Instant>);

/// The interval in which calls are counted.
const WINDOW: Duration = Duration::from_secs(1);

impl RateLimit {
    /// Whether a call is served now, with at most `max` served in any second; counts it then.
    pub(super) fn admits(&mut self, max: usize, now: Instant) -> bool {
        while self.0.front().is_some_and(|served| now.duration_since(*served) >= WINDOW) {
            self.0.pop_front();
        }
        let is_admitted = self.0.len() < max;
        if is_admitted {
            self.0.push_back(now);
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_limit_holds_in_any_second() {
        let (mut limit, start) = (RateLimit::default(), Instant::now());
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert!(limit.admits(2, at(0)) && limit.admits(2, at(600)));
        assert!(!limit.admits(2, at(999)), "two in this second");
        assert!(limit.admits(2, at(1000)), "the first is a second old, and the refused one does not count");
        assert!(!limit.admits(2, at(1599)));
        assert!(limit.admits(2, at(1600)));
    }
}
