use proptest::prelude::*;

use crate::domain::backoff::{Backoff, DEPENDENCY, PROVIDER_LIMIT, REPORT, UNKNOWN_START};

fn any_backoff() -> impl Strategy<Value = Backoff> {
    prop::sample::select(vec![PROVIDER_LIMIT, UNKNOWN_START, REPORT, DEPENDENCY])
}

proptest! {
    #[test]
    fn backoff_delay_lies_between_75_and_100_percent_of_its_step(backoff in any_backoff(), key in ".{0,80}", tries: u32) {
        let delay = backoff.delay(&key, tries);
        let full = backoff.initial.saturating_mul(2u32.saturating_pow(tries.saturating_sub(1))).min(backoff.max);
        prop_assert!(delay <= full && delay >= full.mul_f64(0.749), "{delay:?} of {full:?}");
        prop_assert!(delay <= backoff.max && delay >= backoff.initial.mul_f64(0.749));
    }

    #[test]
    fn backoff_delay_of_a_later_try_is_not_much_shorter(backoff in any_backoff(), key in "[a-z]{1,9}", tries in 1u32..60) {
        prop_assert!(backoff.delay(&key, tries + 1) >= backoff.delay(&key, tries).mul_f64(0.749));
    }
}

#[test]
fn jobs_throttled_together_are_retried_at_different_times() {
    let backoff: std::collections::HashSet<_> =
        (0..50).map(|job| PROVIDER_LIMIT.delay(&format!("job-{job}"), 5)).collect();
    assert!(backoff.len() > 30, "only {} different backoff", backoff.len());
}

/// What is promised of a forge that is back after a day, a quarter of an hour, is made of this.
#[test]
fn unreachable_forge_is_retried_after_seven_to_ten_minutes() {
    for tries in 1..20 {
        let delay = crate::domain::backoff::FORGE_DOWN.delay("demo#1#abc", tries);
        assert!((super::mins(7)..=super::mins(10)).contains(&delay), "{delay:?}");
    }
}
