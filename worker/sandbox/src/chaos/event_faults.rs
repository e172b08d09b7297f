//! Random event faults, derived from the seed.
use std::time::Duration;

use crate::codebuild::EventMode;
use crate::seeded_rng::SeededRng;

/// The event faults of one interval.
pub(super) fn event_mode_at(seed: u64, round: u64) -> EventMode {
    let mut rng = SeededRng::for_purpose(seed, "events", round);
    let lose_percent = rng.weighted(&[(3, 0), (3, 30), (2, 70), (1, 100)]).unwrap_or_default();
    let copies = rng.weighted(&[(2, 1), (1, 2), (1, 3)]).unwrap_or(1);
    let delay = Duration::from_millis(rng.weighted(&[(3, 0), (1, 300), (1, 2000)]).unwrap_or_default());
    EventMode { lose_percent, copies, reorder: rng.percent(50), delay }
}
