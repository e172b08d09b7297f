//! The pace of passes and single reads: slower where calls are throttled, and faster again step by step.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::PAGE_INTERVAL;

/// The longest interval: 150 workers that use it leave calls of SSM's 40 a second to registered projects.
const MAX_INTERVAL: Duration = Duration::from_secs(8);

/// A call that is served shortens the interval by this part: about one call in 50 is then throttled.
const SHORTENED_BY: u32 = 64;

/// The interval between two calls of a kind. All workers share SSM's limit and none knows of the others, so that each
/// gives way when a call of its own is throttled, as TCP does.
#[derive(Debug)]
pub(super) struct CallPace(Mutex<Duration>);

impl Default for CallPace {
    fn default() -> Self {
        Self(Mutex::new(PAGE_INTERVAL))
    }
}

impl CallPace {
    pub(super) fn interval(&self) -> Duration {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call was throttled, of whichever kind.
    pub(super) fn slow_down(&self) {
        self.change(|interval| (interval * 2).min(MAX_INTERVAL));
    }

    /// A pass's or a single read's call was served.
    pub(super) fn speed_up(&self) {
        self.change(|interval| (interval - interval / SHORTENED_BY).max(PAGE_INTERVAL));
    }

    fn change(&self, change: impl FnOnce(Duration) -> Duration) {
        let mut interval = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *interval = change(*interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pace_slows_down_fast_and_recovers_within_200_calls() {
        let pace = CallPace::default();
        assert_eq!(pace.interval(), PAGE_INTERVAL);
        (0..10).for_each(|_| pace.slow_down());
        assert_eq!(pace.interval(), MAX_INTERVAL);
        (0..100).for_each(|_| pace.speed_up());
        assert!(pace.interval() > PAGE_INTERVAL, "it takes more than 100 calls");
        (0..100).for_each(|_| pace.speed_up());
        assert_eq!(pace.interval(), PAGE_INTERVAL);
    }
}
