use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The loops of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The one that receives requests.
    Triggers,
    /// The one that receives events.
    Events,
    /// The one that looks at due rows.
    Sweep,
}

impl Part {
    /// Its name in logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Triggers => "triggers",
            Self::Events => "events",
            Self::Sweep => "sweep",
        }
    }
}

/// When each loop last did what it is there for.
#[derive(Debug, Default)]
pub struct Pulse {
    beats: [Mutex<Option<Instant>>; 3],
}

impl Pulse {
    pub(crate) fn beat(&self, part: Part) {
        *self.beats[part as usize].lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// How long ago a loop last succeeded; none if it never did.
    pub fn since(&self, part: Part) -> Option<Duration> {
        self.beats[part as usize].lock().unwrap_or_else(PoisonError::into_inner).map(|beat| beat.elapsed())
    }
}
