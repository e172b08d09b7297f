//! The way of events to the bus, which may be as bad as "best effort" allows.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::AwsServices;

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
pub(super) struct EventBus {
    sender: UnboundedSender<(Instant, Value)>,
    mode: Arc<Mutex<EventMode>>,
    counts: Arc<Mutex<EventCounts>>,
}

impl EventBus {
    /// The bus, and the work that has to run for it.
    pub(super) fn new(services: Arc<dyn AwsServices>) -> (Self, impl Future<Output = ()> + use<>) {
        let (sender, receiver) = unbounded_channel();
        let mode = Arc::new(Mutex::new(EventMode::default()));
        let counts = Arc::new(Mutex::new(EventCounts::default()));
        let bus = Self { sender, mode: mode.clone(), counts: counts.clone() };
        (bus, EventDispatcher { services, mode, counts, sent: 0, in_flight: JoinSet::new() }.run(receiver))
    }

    pub(super) fn set_mode(&self, mode: EventMode) {
        *self.mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }

    pub(super) fn counts(&self) -> EventCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn publish(&self, entry: Value) {
        // The carrier is gone only when the server is: nobody is left to be told.
        let _ = self.sender.send((Instant::now(), entry));
    }
}

struct EventDispatcher {
    services: Arc<dyn AwsServices>,
    mode: Arc<Mutex<EventMode>>,
    counts: Arc<Mutex<EventCounts>>,
    sent: u64,
    in_flight: JoinSet<()>,
}

/// Entries that one PutEvents takes, and calls at once: many builds say more than one call at a time could carry.
const MAX_ENTRIES_PER_CALL: usize = 10;
const MAX_CONCURRENT_CALLS: usize = 4;

async fn send_entries(services: Arc<dyn AwsServices>, entries: Vec<Value>) {
    if let Err(error) = services.put_events(entries).await {
        tracing::warn!(%error, "events of the sandbox's CodeBuild did not reach the bus");
    }
}

impl EventDispatcher {
    async fn run(mut self, mut receiver: UnboundedReceiver<(Instant, Value)>) {
        while let Some(first) = receiver.recv().await {
            let mode = self.mode.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let mut batch = vec![first];
            if mode.reorder {
                let end = Instant::now() + EventMode::REORDER_WINDOW;
                while let Ok(Some(next)) = timeout_at(end, receiver.recv()).await {
                    batch.push(next);
                }
                self.count(|counts| counts.reordered += batch.len() as u64 - 1);
                batch.reverse();
            }
            while batch.len() < MAX_ENTRIES_PER_CALL
                && let Ok(next) = receiver.try_recv()
            {
                batch.push(next);
            }
            // Held back as long as the one that has waited least.
            if let Some(latest) = batch.iter().map(|(at, _)| *at).max() {
                sleep_until(latest + mode.delay).await;
            }
            let sent: Vec<Value> = batch.into_iter().flat_map(|(_, entry)| self.expand(&mode, entry)).collect();
            for entries in sent.chunks(MAX_ENTRIES_PER_CALL) {
                if self.in_flight.len() >= MAX_CONCURRENT_CALLS {
                    self.in_flight.join_next().await;
                }
                self.in_flight.spawn(send_entries(self.services.clone(), entries.to_vec()));
            }
        }
    }

    /// An event as often as it is sent: not at all, if it is one of those that are lost.
    fn expand(&mut self, mode: &EventMode, entry: Value) -> Vec<Value> {
        self.sent += 1;
        if is_lost(self.sent, mode.lose_percent) {
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
fn is_lost(sequence: u64, percent: u8) -> bool {
    sequence * 61 % 100 < u64::from(percent)
}

#[cfg(test)]
mod tests {
    use super::is_lost;

    #[test]
    fn lost_events_match_percentage_over_one_hundred() {
        for percent in [0, 1, 50, 99, 100] {
            let count = (0..100).filter(|sequence| is_lost(*sequence, percent)).count();
            assert_eq!(count, usize::from(percent));
        }
    }
}
