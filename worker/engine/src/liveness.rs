use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The loops of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopKind {
    /// The loop that receives requests.
    Triggers,
    /// The loop that receives events.
    Events,
    /// The loop that processes due rows.
    Sweep,
}

impl LoopKind {
    /// Its name in logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Triggers => "triggers",
            Self::Events => "events",
            Self::Sweep => "sweep",
        }
    }
}

/// When each loop last succeeded.
#[derive(Debug, Default)]
pub struct Liveness {
    last_success: [Mutex<Option<Instant>>; 3],
}

impl Liveness {
    pub(crate) fn record_success(&self, loop_kind: LoopKind) {
        *self.last_success[loop_kind as usize].lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Time since a loop last succeeded; none if it never did.
    pub fn since_success(&self, loop_kind: LoopKind) -> Option<Duration> {
        self.last_success[loop_kind as usize].lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }
}
