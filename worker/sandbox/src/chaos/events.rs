//! How events fare, as the seed has it.
use std::time::Duration;

use crate::codebuild::EventMode;
use crate::dice::Dice;

/// The weather of one while.
pub(super) fn mode(seed: u64, turn: u64) -> EventMode {
    let mut dice = Dice::of(seed, "events", turn);
    let lose_percent = dice.weighted(&[(3, 0), (3, 30), (2, 70), (1, 100)]).unwrap_or_default();
    let copies = dice.weighted(&[(2, 1), (1, 2), (1, 3)]).unwrap_or(1);
    let delay = Duration::from_millis(dice.weighted(&[(3, 0), (1, 300), (1, 2000)]).unwrap_or_default());
    EventMode { lose_percent, copies, reorder: dice.percent(50), delay }
}
