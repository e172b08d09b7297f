//! What can happen to a call on its way, and whether it does.
use std::time::Duration;

use crate::seeded_rng::SeededRng;

/// What happens to a call. Whoever calls can't tell most of these from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProxyFault {
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

impl ProxyFault {
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
const WEIGHTS: [(u64, ProxyFault); 6] = [
    (24, ProxyFault::Before),
    (24, ProxyFault::After),
    (22, ProxyFault::Delay),
    (3, ProxyFault::Stall),
    (15, ProxyFault::Reset),
    (12, ProxyFault::Throttle),
];

/// Longer than two calls that follow each other, shorter than any time limit: what is late must not be lost.
const MAX_DELAY_MS: u64 = 2000;

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InjectedFault {
    pub(super) fault: ProxyFault,
    pub(super) delay: Duration,
    /// Whether a reset comes before the server has seen the call.
    pub(super) early: bool,
}

/// The fate of the `call_index`-th call of this name: the same whenever the seed is.
pub(super) fn choose_fault(seed: u64, name: &str, call_index: u64, percent: u8) -> Option<InjectedFault> {
    let mut rng = SeededRng::for_purpose(seed, name, call_index);
    if !rng.percent(percent) {
        return None;
    }
    let fault = rng.weighted(&WEIGHTS)?;
    Some(InjectedFault { fault, delay: Duration::from_millis(20 + rng.below(MAX_DELAY_MS)), early: rng.percent(50) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_occurs_within_the_requested_percentage() {
        let drawn: Vec<_> = (0..5000).filter_map(|call_index| choose_fault(1, "PutItem", call_index, 20)).collect();
        assert!((900..1100).contains(&drawn.len()), "{}", drawn.len());
        for fault in ProxyFault::ALL {
            assert!(drawn.iter().any(|draw| draw.fault == fault), "{fault:?} never comes");
        }
        assert!((0..5000).all(|call_index| choose_fault(1, "PutItem", call_index, 0).is_none()));
    }
}
