use std::time::Duration;

use super::{FaultAction, PortCall};
use crate::fakes::SeededRng;

/// Random faults before and after each call, each once in so many calls of the kind that comes most often.
#[derive(Debug, Clone)]
pub struct FaultProfile {
    pub rng: SeededRng,
    pub fail_one_in: u64,
    pub delay_one_in: u64,
    pub pause_one_in: u64,
    pub kill_one_in: u64,
}

impl FaultProfile {
    /// Calls that come more seldom meet more faults, so that each fault comes at each call in some thousand runs.
    pub(super) fn next_action(&mut self, call: PortCall) -> Option<FaultAction> {
        let weight = match call {
            PortCall::Due => 1,
            PortCall::Insert | PortCall::Load | PortCall::Update | PortCall::ListProjects => 4,
            PortCall::Start | PortCall::Describe | PortCall::Ack | PortCall::ReadProject | PortCall::DeadLetter => 16,
            PortCall::Stop | PortCall::ReleaseSlot => 96,
            PortCall::ReadSlots => 192,
            _ => 48,
        };
        let hits = |rng: &mut SeededRng, one_in: u64| rng.below(one_in) < weight;
        if hits(&mut self.rng, self.kill_one_in) {
            return Some(FaultAction::Kill);
        }
        if hits(&mut self.rng, self.pause_one_in) {
            // Within the claim's ten seconds; longer than a claim, a lease, a token's window, a confirmed absence.
            let longest = self.rng.one_of(&[9, 15, 90, 400, 2000]);
            return Some(FaultAction::Pause(Duration::from_secs(self.rng.below(longest) + 1)));
        }
        if hits(&mut self.rng, self.delay_one_in) {
            return Some(FaultAction::Delay(self.rng.millis(20_000)));
        }
        hits(&mut self.rng, self.fail_one_in).then_some(FaultAction::Fail)
    }
}
