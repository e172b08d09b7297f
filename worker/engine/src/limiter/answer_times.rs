use std::time::Duration;

/// How fast a destination answers: whether more calls at once only make it slower.
///
/// It compares the mean of one window of answers with the fastest mean so far. That mean rises a little with each
/// window, so that a destination that is slower from now on is not taken for a busy one for ever.
#[derive(Debug, Default)]
pub(super) struct AnswerTimes {
    fastest: Option<Duration>,
    sum: Duration,
    count: u32,
    /// Answers of this window: as many as calls passed at once when it began.
    window: usize,
    is_slow: bool,
}

/// A destination is busy when its answers take this many times the time of its fastest ones.
const SLOW_FACTOR: u32 = 2;

/// Part by which the fastest mean rises with each window.
const RISE: u32 = 32;

/// The fewest answers of a window: the mean of fewer says little.
const MIN_WINDOW: usize = 8;

impl AnswerTimes {
    /// Adds the time of one answer. `limit` is the number of calls that pass at once.
    pub(super) fn add(&mut self, time: Duration, limit: usize) {
        if self.count == 0 {
            self.window = limit.max(MIN_WINDOW);
        }
        self.sum += time;
        self.count += 1;
        if usize::try_from(self.count).unwrap_or(usize::MAX) < self.window {
            return;
        }
        let mean = self.sum / self.count;
        let fastest = self.fastest.map_or(mean, |fastest| mean.min(fastest + fastest / RISE));
        self.is_slow = mean > fastest * SLOW_FACTOR;
        *self = Self { fastest: Some(fastest), is_slow: self.is_slow, ..Self::default() };
    }

    pub(super) fn are_slow(&self) -> bool {
        self.is_slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add_windows(times: &mut AnswerTimes, count: usize, millis: u64) {
        (0..count * MIN_WINDOW).for_each(|_| times.add(Duration::from_millis(millis), 1));
    }

    #[test]
    fn answers_are_slow_at_over_twice_the_fastest_time() {
        let mut times = AnswerTimes::default();
        for (millis, is_slow) in [(100, false), (190, false), (230, true), (110, false)] {
            add_windows(&mut times, 1, millis);
            assert_eq!(times.are_slow(), is_slow, "{millis} ms");
        }
    }

    #[test]
    fn destination_that_stays_slower_is_not_busy_for_ever() {
        let mut times = AnswerTimes::default();
        add_windows(&mut times, 1, 100);
        add_windows(&mut times, 2, 300);
        assert!(times.are_slow());
        add_windows(&mut times, 20, 300);
        assert!(!times.are_slow());
    }
}
