//! The way of events to the bus, which may be as bad as "best effort" allows.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Services;

/// How CodeBuild's events fare. All of it is within what AWS promises ("best effort", no order, repetitions).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMode {
    /// How many of a hundred are never sent.
    pub lose_percent: u8,
    /// How many times each is sent: 1 is once.
    pub copies: u8,
    /// Events that come within [`EventMode::REORDER_WINDOW`] are sent last first.
    pub reorder: bool,
    /// How long each is held back.
    pub delay: Duration,
}

impl EventMode {
    /// Longer than most builds of a test take from phase to phase.
    pub const REORDER_WINDOW: Duration = Duration::from_millis(500);
}

impl Default for EventMode {
    fn default() -> Self {
        Self { lose_percent: 0, copies: 1, reorder: false, delay: Duration::ZERO }
    }
}

/// How events have fared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Never sent.
    pub lost: u64,
    /// Sent more than once.
    pub repeated: u64,
    /// Sent after one that came later.
    pub reordered: u64,
}

/// Takes events at once and sends them in its own time.
#[derive(Debug, Clone)]
pub(super) struct Bus {
    waiting: UnboundedSender<(Instant, Value)>,
    mode: Arc<Mutex<EventMode>>,
    counts: Arc<Mutex<EventCounts>>,
}

impl Bus {
    /// The bus, and the work that has to run for it.
    pub(super) fn new(services: Arc<dyn Services>) -> (Self, impl Future<Output = ()> + use<>) {
        let (waiting, arriving) = unbounded_channel();
        let mode = Arc::new(Mutex::new(EventMode::default()));
        let counts = Arc::new(Mutex::new(EventCounts::default()));
        let bus = Self { waiting, mode: mode.clone(), counts: counts.clone() };
        (bus, Carrier { services, mode, counts, sent: 0, under_way: JoinSet::new() }.run(arriving))
    }

    pub(super) fn set_mode(&self, mode: EventMode) {
        *self.mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }

    pub(super) fn counts(&self) -> EventCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, entry: Value) {
        // The carrier is gone only when the server is: nobody is left to be told.
        let _ = self.waiting.send((Instant::now(), entry));
    }
}

struct Carrier {
    services: Arc<dyn Services>,
    mode: Arc<Mutex<EventMode>>,
    counts: Arc<Mutex<EventCounts>>,
    sent: u64,
    under_way: JoinSet<()>,
}

/// Entries that one PutEvents takes, and calls at once: many builds say more than one call at a time could carry.
const ENTRIES: usize = 10;
const CALLS: usize = 4;

async fn put(services: Arc<dyn Services>, entries: Vec<Value>) {
    if let Err(error) = services.put_events(entries).await {
        tracing::warn!(%error, "events of the sandbox's CodeBuild did not reach the bus");
    }
}

impl Carrier {
    async fn run(mut self, mut arriving: UnboundedReceiver<(Instant, Value)>) {
        while let Some(first) = arriving.recv().await {
            let mode = self.mode.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let mut batch = vec![first];
            if mode.reorder {
                let end = Instant::now() + EventMode::REORDER_WINDOW;
                while let Ok(Some(next)) = timeout_at(end, arriving.recv()).await {
                    batch.push(next);
                }
                self.count(|counts| counts.reordered += batch.len() as u64 - 1);
                batch.reverse();
            }
            while batch.len() < ENTRIES
                && let Ok(next) = arriving.try_recv()
            {
                batch.push(next);
            }
            // Held back as long as the one that has waited least.
            if let Some(latest) = batch.iter().map(|(at, _)| *at).max() {
                sleep_until(latest + mode.delay).await;
            }
            let sent: Vec<Value> = batch.into_iter().flat_map(|(_, entry)| self.copies(&mode, entry)).collect();
            for entries in sent.chunks(ENTRIES) {
                if self.under_way.len() >= CALLS {
                    self.under_way.join_next().await;
                }
                self.under_way.spawn(put(self.services.clone(), entries.to_vec()));
            }
        }
    }

    /// An event as often as it is sent: not at all, if it is one of those that are lost.
    fn copies(&mut self, mode: &EventMode, entry: Value) -> Vec<Value> {
        self.sent += 1;
        if lost(self.sent, mode.lose_percent) {
            self.count(|counts| counts.lost += 1);
            return Vec::new();
        }
        if mode.copies > 1 {
            self.count(|counts| counts.repeated += 1);
        }
        vec![entry; mode.copies.into()]
    }

    fn count(&self, change: impl FnOnce(&mut EventCounts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Spreads the losses over the sequence, the same way in every run: 61 and 100 share no divisor.
fn lost(sequence: u64, percent: u8) -> bool {
    sequence * 61 % 100 < u64::from(percent)
}

#[cfg(test)]
mod tests {
    use super::lost;

    #[test]
    fn the_percentage_of_lost_events_is_exact_over_a_hundred() {
        for percent in [0, 1, 50, 99, 100] {
            let count = (0..100).filter(|sequence| lost(*sequence, percent)).count();
            assert_eq!(count, usize::from(percent));
        }
    }
}
