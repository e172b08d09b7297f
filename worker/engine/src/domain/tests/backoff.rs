use proptest::prelude::*;

use crate::domain::backoff::{Backoff, LIMIT, REPEAT, TELLING, WORLD};

fn all() -> impl Strategy<Value = Backoff> {
    prop::sample::select(vec![LIMIT, REPEAT, TELLING, WORLD])
}

proptest! {
    #[test]
    fn every_wait_lies_between_three_quarters_and_the_whole_of_its_step(waits in all(), key in ".{0,80}", tries: u32) {
        let wait = waits.wait(&key, tries);
        let full = waits.first.saturating_mul(2u32.saturating_pow(tries.saturating_sub(1))).min(waits.most);
        prop_assert!(wait <= full && wait >= full.mul_f64(0.749), "{wait:?} of {full:?}");
        prop_assert!(wait <= waits.most && wait >= waits.first.mul_f64(0.749));
    }

    #[test]
    fn a_later_try_never_waits_much_less(waits in all(), key in "[a-z]{1,9}", tries in 1u32..60) {
        prop_assert!(waits.wait(&key, tries + 1) >= waits.wait(&key, tries).mul_f64(0.749));
    }
}

#[test]
fn jobs_that_are_refused_together_do_not_come_back_together() {
    let waits: std::collections::HashSet<_> = (0..50).map(|job| LIMIT.wait(&format!("job-{job}"), 5)).collect();
    assert!(waits.len() > 30, "only {} different waits", waits.len());
}

/// What is promised of a forge that is back after a day, a quarter of an hour, is made of this.
#[test]
fn a_forge_that_is_down_is_looked_at_again_within_ten_minutes_and_not_before_seven() {
    for tries in 1..20 {
        let wait = crate::domain::backoff::FORGE_DOWN.wait("demo#1#abc", tries);
        assert!((super::mins(7)..=super::mins(10)).contains(&wait), "{wait:?}");
    }
}
