use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// What the protocol says about a failed call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// The same call would fail again.
    Never,
    /// The collector named a time.
    After(Duration),
    /// With growing delays.
    Backoff,
}

/// One call that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CallFailure {
    pub(super) reason: String,
    pub(super) retry: Retry,
}

/// The first delay, and the least that a `Retry-After` gets: a collector cannot ask for a busy loop.
const MIN_DELAY: Duration = Duration::from_secs(1);
/// The longest delay of the backoff.
const MAX_BACKOFF: Duration = Duration::from_secs(8);

/// Calls until it succeeds, a retry is useless, or the next call would be later than `limit`.
///
/// # Errors
/// The reason of the last call that failed.
pub(super) async fn with_retries<F>(limit: Duration, mut call: impl FnMut() -> F) -> Result<(), String>
where
    F: Future<Output = Result<(), CallFailure>>,
{
    let deadline = Instant::now() + limit;
    let mut backoff = MIN_DELAY;
    let mut last = None;
    loop {
        let failure = match timeout_at(deadline, call()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failure)) => failure,
            Err(_) => return Err(last.unwrap_or_else(|| "no response in time".to_owned())),
        };
        let delay = match failure.retry {
            Retry::Never => return Err(failure.reason),
            Retry::After(delay) => delay.max(MIN_DELAY),
            Retry::Backoff => backoff.mul_f64(jitter()),
        };
        if deadline.saturating_duration_since(Instant::now()) <= delay {
            return Err(failure.reason);
        }
        sleep(delay).await;
        backoff = (backoff * 2).min(MAX_BACKOFF);
        last = Some(failure.reason);
    }
}

/// A factor of 0.5 to 1, so that workers do not call in step.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, Hasher};
    // The standard library seeds its hasher with the operating system's random numbers.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    0.5 + (random % 512) as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn failure(retry: Retry) -> Result<(), CallFailure> {
        Err(CallFailure { reason: "it failed".to_owned(), retry })
    }

    /// The result, and the seconds at which calls were made, with these results; the last one is repeated.
    async fn run(results: Vec<fn() -> Result<(), CallFailure>>) -> (Result<(), String>, Vec<f64>) {
        let began = Instant::now();
        let calls = RefCell::new(Vec::new());
        let outcome = with_retries(LIMIT, || {
            calls.borrow_mut().push(began.elapsed().as_secs_f64());
            let result = results[(calls.borrow().len() - 1).min(results.len() - 1)]();
            async move { result }
        })
        .await;
        assert!(began.elapsed() <= LIMIT);
        (outcome, calls.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn retryable_failure_is_retried_with_growing_delays() {
        let (outcome, calls) = run(vec![|| failure(Retry::Backoff)]).await;
        assert_eq!(outcome, Err("it failed".to_owned()));
        assert!((5..=12).contains(&calls.len()), "{calls:?}");
        for (pair, longest) in calls.windows(2).zip([1.0, 2.0, 4.0, 8.0, 8.0]) {
            let delay = pair[1] - pair[0];
            assert!(delay >= longest / 2.0 - 0.01 && delay <= longest + 0.01, "{calls:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_obeyed_within_the_limit() {
        let (outcome, calls) = run(vec![|| failure(Retry::After(Duration::from_secs(7))), || Ok(())]).await;
        assert_eq!(outcome, Ok(()));
        assert!((calls[1] - 7.0).abs() < 0.01, "{calls:?}");
        let (_, calls) = run(vec![|| failure(Retry::After(Duration::from_secs(31)))]).await;
        assert_eq!(calls.len(), 1, "later than the limit");
        let (_, calls) = run(vec![|| failure(Retry::After(Duration::ZERO))]).await;
        assert!(calls.len() <= 30, "no busy loop: {} calls", calls.len());
    }

    #[tokio::test(start_paused = true)]
    async fn final_failure_is_not_retried() {
        let (outcome, calls) = run(vec![|| failure(Retry::Never)]).await;
        assert_eq!((outcome, calls.len()), (Err("it failed".to_owned()), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn hanging_call_ends_at_the_limit() {
        let began = Instant::now();
        let outcome = with_retries(LIMIT, std::future::pending).await;
        assert_eq!((outcome, began.elapsed().as_secs()), (Err("no response in time".to_owned()), 30));
    }
}
