use std::collections::BTreeMap;
use std::fmt;

use super::{FaultAction, PortCall};

/// How often each kind of random fault came at each call. Shown as a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultCounts(BTreeMap<(PortCall, &'static str), u64>);

const KINDS: [&str; 4] = ["fails", "is slow", "pauses", "dies"];

impl FaultCounts {
    pub(super) fn count(&mut self, call: PortCall, action: FaultAction) {
        *self.0.entry((call, kind(action))).or_default() += 1;
    }

    pub fn add(&mut self, more: &Self) {
        more.0.iter().for_each(|(fault, count)| *self.0.entry(*fault).or_default() += count);
    }
}

fn kind(action: FaultAction) -> &'static str {
    match action {
        FaultAction::Fail => KINDS[0],
        FaultAction::Delay(_) => KINDS[1],
        FaultAction::Pause(_) | FaultAction::Stop => KINDS[2],
        FaultAction::Kill => KINDS[3],
    }
}

impl fmt::Display for FaultCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<18}{}", "call", KINDS.map(|kind| format!("{kind:>9}")).concat())?;
        for call in PortCall::ALL {
            let count = |kind| self.0.get(&(call, kind)).copied().unwrap_or_default();
            let name = format!("{call:?}");
            writeln!(f, "{name:<18}{}", KINDS.map(|kind| format!("{:>9}", count(kind))).concat())?;
        }
        Ok(())
    }
}
