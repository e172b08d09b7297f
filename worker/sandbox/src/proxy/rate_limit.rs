//! A limit of calls per second, which all callers of a service share.
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The calls whose names begin with a prefix, in any second at most so many.
#[derive(Debug, Default)]
pub(super) struct RateLimit(Mutex<Option<LimitedCalls>>);

#[derive(Debug)]
struct LimitedCalls {
    prefix: String,
    per_second: usize,
    served: VecDeque<Instant>,
    throttled: u64,
}

impl RateLimit {
    pub(super) fn set(&self, prefix: &str, per_second: usize) {
        *self.calls() =
            Some(LimitedCalls { prefix: prefix.to_owned(), per_second, served: VecDeque::new(), throttled: 0 });
    }

    /// Whether a call is throttled; counts it.
    pub(super) fn throttles(&self, name: &str) -> bool {
        let mut calls = self.calls();
        let Some(limited) = calls.as_mut().filter(|limited| name.starts_with(&limited.prefix)) else { return false };
        let now = Instant::now();
        while limited.served.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1)) {
            limited.served.pop_front();
        }
        if limited.served.len() >= limited.per_second {
            limited.throttled += 1;
            return true;
        }
        limited.served.push_back(now);
        false
    }

    pub(super) fn throttled(&self) -> u64 {
        self.calls().as_ref().map_or(0, |limited| limited.throttled)
    }

    fn calls(&self) -> MutexGuard<'_, Option<LimitedCalls>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
