use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Lines;

/// What lets a job through a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// The gate is open, and not too many are out.
    Width,
    /// The gate was closed long enough: one job tries it.
    Trial,
    /// A place is known to have fallen free.
    Credit,
}

/// What a send showed of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There was room.
    Taken,
    /// There was none; how long to wait, if the other side said so.
    Refused(Option<Duration>),
    /// Nothing: it was not sent, or what came back is no word on the limit.
    Nothing,
}

/// Leave to send once. Dropped without an outcome, it says that nothing was learnt: a write that was lost to another
/// worker, a panic.
#[derive(Debug)]
pub(crate) struct Permit {
    lines: Arc<Lines>,
    gate: String,
    right: Right,
    /// The gate that paid.
    payer: String,
    outcome: Outcome,
}

impl Permit {
    pub(super) fn new(lines: Arc<Lines>, gate: String, right: Right, payer: String) -> Self {
        Self { lines, gate, right, payer, outcome: Outcome::Nothing }
    }

    pub(crate) fn settle(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    pub(crate) fn is_for(&self, lines: &Arc<Lines>, gate: &str) -> bool {
        self.gate == gate && Arc::ptr_eq(&self.lines, lines)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = Instant::now();
        let is_borrowed = self.payer != self.gate;
        let is_refused = matches!(self.outcome, Outcome::Refused(_));
        let mut state = self.lines.state();
        if is_borrowed
            && is_refused
            && let Some(gate) = state.gates.get_mut(&self.gate)
        {
            gate.was_refused_a_place_from_elsewhere(now);
        }
        if let Some(payer) = state.gates.get_mut(&self.payer) {
            // A place that was lent in vain is still free at home.
            let outcome = if is_borrowed && is_refused { Outcome::Nothing } else { self.outcome };
            payer.settle(self.right, outcome, now);
        }
        drop(state);
        self.lines.moved.notify_one();
    }
}
