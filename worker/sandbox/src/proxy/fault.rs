//! What can happen to a call on its way, and whether it does.
use std::time::Duration;

use crate::dice::Dice;

/// What happens to a call. Whoever calls can't tell most of these from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It fails, and the server has never seen it.
    Before,
    /// The server has done it, and it fails.
    After,
    /// It is passed on late.
    Delay,
    /// The server has done it, and no answer comes until the caller gives up.
    Stall,
    /// The connection ends where the answer should be; the server may have done it.
    Reset,
    /// It is refused: too many calls.
    Throttle,
}

impl Fault {
    /// All there are.
    pub const ALL: [Self; 6] = [Self::Before, Self::After, Self::Delay, Self::Stall, Self::Reset, Self::Throttle];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Delay => "delay",
            Self::Stall => "stall",
            Self::Reset => "reset",
            Self::Throttle => "throttle",
        }
    }
}

/// How often each happens among a hundred faults. A stall costs its caller ten seconds and more: with many of them a
/// run would show waiting and little else.
const WEIGHTS: [(u64, Fault); 6] = [
    (24, Fault::Before),
    (24, Fault::After),
    (22, Fault::Delay),
    (3, Fault::Stall),
    (15, Fault::Reset),
    (12, Fault::Throttle),
];

/// Longer than two calls that follow each other, shorter than any time limit: what is late must not be lost.
const MOST_DELAY: u64 = 2000;

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Draw {
    pub(super) fault: Fault,
    pub(super) delay: Duration,
    /// Whether a reset comes before the server has seen the call.
    pub(super) early: bool,
}

/// The fate of the `turn`-th call of this name: the same whenever the seed is.
pub(super) fn draw(seed: u64, name: &str, turn: u64, percent: u8) -> Option<Draw> {
    let mut dice = Dice::of(seed, name, turn);
    if !dice.percent(percent) {
        return None;
    }
    let fault = dice.weighted(&WEIGHTS)?;
    Some(Draw { fault, delay: Duration::from_millis(20 + dice.below(MOST_DELAY)), early: dice.percent(50) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_comes_and_no_more_of_them_than_asked_for() {
        let drawn: Vec<_> = (0..5000).filter_map(|turn| draw(1, "PutItem", turn, 20)).collect();
        assert!((900..1100).contains(&drawn.len()), "{}", drawn.len());
        for fault in Fault::ALL {
            assert!(drawn.iter().any(|draw| draw.fault == fault), "{fault:?} never comes");
        }
        assert!((0..5000).all(|turn| draw(1, "PutItem", turn, 0).is_none()));
    }
}
