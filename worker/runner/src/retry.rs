use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::error::RunnerError;
use crate::git::{Git, GitOutput};
use crate::git_failure::GitFailure;
use crate::log::{format_seconds, log_line};

const FIRST_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_secs(16);

/// Runs a git command that reaches a host, again as long as the host fails for a moment.
///
/// `Retry-After` is not obeyed: git prints no header of an answer. The answer of the last try is returned.
///
/// # Errors
/// As [`Git::run`], and a stop signal between two tries.
pub(crate) fn run_with_retries(git: &Git<'_>, args: &[&str]) -> Result<GitOutput, RunnerError> {
    let mut schedule = RetrySchedule::new(git.settings.git_retry_window);
    loop {
        let output = git.run_authorized(args)?;
        let GitFailure::Temporary(problem) = &output.failure else { return Ok(output) };
        let now = Instant::now();
        let Some(delay) = schedule.next_delay(now).map(jittered).filter(|delay| now + *delay < git.deadline) else {
            return Ok(output);
        };
        log_line(&format!("the git host failed: {problem}; trying again in {}", format_seconds(delay)));
        git.supervisor.sleep(delay)?;
    }
}

/// When to try again: after 1, 2, 4, 8 and then 16 s, within a window from the first failure.
#[derive(Debug)]
struct RetrySchedule {
    window: Duration,
    first_failure: Option<Instant>,
    delay: Duration,
}

impl RetrySchedule {
    fn new(window: Duration) -> Self {
        Self { window, first_failure: None, delay: FIRST_DELAY }
    }

    /// The time until the next try; `None` if it would begin after the window.
    fn next_delay(&mut self, now: Instant) -> Option<Duration> {
        let first_failure = *self.first_failure.get_or_insert(now);
        let delay = self.delay;
        self.delay = (delay * 2).min(MAX_DELAY);
        (now + delay <= first_failure + self.window).then_some(delay)
    }
}

/// Up to a quarter less, so that builds that failed together do not come back together.
fn jittered(delay: Duration) -> Duration {
    // std's only source of randomness: each state has keys of its own.
    let random = (RandomState::new().hash_one(0) % 256) as u32;
    delay - delay / 4 * random / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(window: u64, taken_by_each_try: u64) -> Vec<u64> {
        let (mut schedule, mut now) = (RetrySchedule::new(Duration::from_secs(window)), Instant::now());
        std::iter::from_fn(|| {
            let delay = schedule.next_delay(now)?;
            now += delay + Duration::from_secs(taken_by_each_try);
            Some(delay.as_secs())
        })
        .collect()
    }

    #[test]
    fn delays_double_and_end_with_the_window() {
        assert_eq!(delays(60, 0), [1, 2, 4, 8, 16, 16]);
        assert_eq!(delays(60, 10), [1, 2, 4, 8]);
        assert_eq!(delays(60, 300), [1]);
        assert_eq!(delays(0, 0), [0_u64; 0]);
    }

    #[test]
    fn jitter_shortens_a_delay_by_a_quarter_at_most() {
        for _ in 0..100 {
            let delay = jittered(Duration::from_secs(4));
            assert!(delay > Duration::from_secs(3) && delay <= Duration::from_secs(4), "{delay:?}");
        }
    }
}
