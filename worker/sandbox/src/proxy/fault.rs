//! The faults of a call, and the random choice among them.
use std::time::Duration;

use crate::seeded_rng::SeededRng;

/// The fault of a call. The caller cannot distinguish most of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProxyFault {
    /// The call fails and the server never receives it.
    Before,
    /// The server executes the call, and the caller gets an error.
    After,
    /// The call is forwarded late.
    Delay,
    /// The server executes the call, and no response comes until the caller gives up.
    Stall,
    /// The connection ends before the response; the server may have executed the call.
    Reset,
    /// The call is rejected: too many calls.
    Throttle,
}

impl ProxyFault {
    /// All faults.
    pub const ALL: [Self; 6] = [Self::Before, Self::After, Self::Delay, Self::Stall, Self::Reset, Self::Throttle];

    /// The fault's name in results.
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

/// The frequency of each fault in percent of all faults. A stall costs its caller ten seconds and more, so many of them
/// would make a run mostly wait.
/// run would show waiting and little else.
const WEIGHTS: [(u64, ProxyFault); 6] = [
    (24, ProxyFault::Before),
    (24, ProxyFault::After),
    (22, ProxyFault::Delay),
    (3, ProxyFault::Stall),
    (15, ProxyFault::Reset),
    (12, ProxyFault::Throttle),
];

/// Longer than two successive calls, shorter than any timeout: a delayed call must not be lost.
const MAX_DELAY_MS: u64 = 2000;

/// The fault chosen for one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InjectedFault {
    pub(super) fault: ProxyFault,
    pub(super) delay: Duration,
    /// Whether a reset comes before the server receives the call.
    pub(super) early: bool,
}

/// The fault of the `call_index`-th call of this name; it depends on the seed only.
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
            assert!(drawn.iter().any(|draw| draw.fault == fault), "{fault:?} is never chosen");
        }
        assert!((0..5000).all(|call_index| choose_fault(1, "PutItem", call_index, 0).is_none()));
    }
}
