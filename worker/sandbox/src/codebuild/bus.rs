//! Sends events to the bus, with faults within what "best effort" allows.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::AwsServices;

/// The faults of CodeBuild's events.
///
/// All of them are within what AWS promises ("best effort", no order, repetitions).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMode {
    /// The percentage of events that are never sent.
    pub lose_percent: u8,
    /// How many times each event is sent; normally 1.
    pub copies: u8,
    /// Sends the events of one [`EventMode::REORDER_WINDOW`] in reverse order.
    pub reorder: bool,
    /// How long each event is delayed.
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

/// Counters of event faults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Events never sent.
    pub lost: u64,
    /// Events sent more than once.
    pub repeated: u64,
    /// Events sent after a later one.
    pub reordered: u64,
}

/// Queues events for the dispatcher.
#[derive(Debug, Clone)]
pub(super) struct EventBus {
    sender: UnboundedSender<(Instant, Value)>,
    mode: Arc<Mutex<EventMode>>,
    counts: Arc<Mutex<EventCounts>>,
}

impl EventBus {
    /// Creates the bus and the dispatcher's future, which the caller must spawn.
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
        // The dispatcher ends only with the server; the event is then dropped.
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

/// Entries per PutEvents call, and concurrent calls: many builds emit more events than one call at a time could carry.
const MAX_ENTRIES_PER_CALL: usize = 10;
const MAX_CONCURRENT_CALLS: usize = 4;

async fn send_entries(services: Arc<dyn AwsServices>, entries: Vec<Value>) {
    if let Err(error) = services.put_events(entries).await {
        tracing::warn!(%error, "PutEvents failed: events of the sandbox's CodeBuild are lost");
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
            // Delayed until the newest event of the batch has waited long enough.
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

    /// The repetitions of an event to send: none if it is lost.
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
