use std::collections::VecDeque;

/// Cases that are counted: the latest ones.
const MAX_CASES: usize = 20;

/// Cases that must be known before they say anything. What happens every other time looks like what always happens after
/// so many cases with a probability of 1 in 256.
const MIN_CASES: usize = 8;

/// Of this many cases, one may be an exception.
const CASES_PER_EXCEPTION: usize = 20;

/// Whether something nearly always is so, by the latest cases.
#[derive(Debug, Default)]
pub(crate) struct TrackRecord(VecDeque<bool>);

impl TrackRecord {
    /// Counts a case, and whether it was so.
    pub(crate) fn add(&mut self, was_so: bool) {
        if self.0.len() >= MAX_CASES {
            self.0.pop_front();
        }
        self.0.push_back(was_so);
    }

    /// Whether it is likely to be so the next time.
    pub(crate) fn is_nearly_always(&self) -> bool {
        let exceptions = self.0.iter().filter(|was_so| !**was_so).count();
        self.0.len() >= MIN_CASES && exceptions * CASES_PER_EXCEPTION <= self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(cases: impl IntoIterator<Item = bool>) -> TrackRecord {
        let mut record = TrackRecord::default();
        cases.into_iter().for_each(|case| record.add(case));
        record
    }

    #[test]
    fn too_few_cases_say_nothing() {
        assert!(!record([true; MIN_CASES - 1]).is_nearly_always());
        assert!(record([true; MIN_CASES]).is_nearly_always());
    }

    #[test]
    fn one_case_in_twenty_is_an_exception() {
        let with_exceptions = |count: usize, cases| record((0..cases).map(move |number| number >= count));
        assert!(!with_exceptions(1, 19).is_nearly_always());
        assert!(with_exceptions(1, 20).is_nearly_always());
        assert!(!with_exceptions(2, 20).is_nearly_always());
        assert!(with_exceptions(2, 21).is_nearly_always(), "only the latest cases count");
    }
}
