//! One standard queue: visibility timeouts, receipts and long polls.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// The messages of a queue.
#[derive(Debug, Default)]
pub(super) struct FastQueue {
    visible: VecDeque<QueuedMessage>,
    /// By the number of the message.
    in_flight: HashMap<u64, InFlightMessage>,
    /// When each message in flight becomes visible again.
    deadlines: BTreeMap<(Instant, u64), ()>,
    last_number: u64,
    /// When each message was first received, by its number.
    first_receives: HashMap<u64, Instant>,
    arrivals: Arc<Notify>,
}

/// A message as SQS keeps it.
#[derive(Debug, Clone)]
pub(super) struct QueuedMessage {
    pub(super) number: u64,
    pub(super) body: Arc<str>,
    pub(super) md5: Arc<str>,
    pub(super) receive_count: u32,
}

#[derive(Debug)]
struct InFlightMessage {
    message: QueuedMessage,
    visible_at: Instant,
}

impl QueuedMessage {
    /// The receipt of its latest receive.
    pub(super) fn receipt(&self) -> String {
        format!("{}.{}", self.number, self.receive_count)
    }
}

impl FastQueue {
    pub(super) fn send(&mut self, body: String) -> u64 {
        self.last_number += 1;
        let md5 = super::md5::hex_digest(body.as_bytes()).into();
        let message = QueuedMessage { number: self.last_number, body: body.into(), md5, receive_count: 0 };
        self.visible.push_back(message);
        self.arrivals.notify_waiters();
        self.last_number
    }

    /// Takes at most `max` messages and hides them for `visibility`.
    pub(super) fn take(&mut self, max: usize, visibility: Duration, now: Instant) -> Vec<QueuedMessage> {
        self.return_expired(now);
        let count = max.min(self.visible.len());
        let taken: Vec<QueuedMessage> = self.visible.drain(..count).collect();
        for message in &taken {
            self.first_receives.entry(message.number).or_insert(now);
        }
        taken.into_iter().map(|message| self.hide(message, now + visibility)).collect()
    }

    fn hide(&mut self, mut message: QueuedMessage, visible_at: Instant) -> QueuedMessage {
        message.receive_count += 1;
        self.deadlines.insert((visible_at, message.number), ());
        self.in_flight.insert(message.number, InFlightMessage { message: message.clone(), visible_at });
        message
    }

    fn return_expired(&mut self, now: Instant) {
        while let Some(entry) = self.deadlines.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((_, number), ()) = entry.remove_entry();
            self.visible.extend(self.in_flight.remove(&number).map(|expired| expired.message));
        }
    }

    /// Deletes a message. With the receipt of an earlier receive nothing happens, and the call succeeds, as on AWS.
    pub(super) fn delete(&mut self, receipt: &str) {
        if let Some(number) = self.number_of(receipt)
            && let Some(deleted) = self.in_flight.remove(&number)
        {
            self.deadlines.remove(&(deleted.visible_at, number));
        }
    }

    /// Sets the time until a message becomes visible again; false if it is not in flight.
    pub(super) fn change_visibility(&mut self, receipt: &str, visibility: Duration, now: Instant) -> bool {
        let Some(number) = self.number_of(receipt) else { return false };
        let Some(held) = self.in_flight.get_mut(&number) else { return false };
        self.deadlines.remove(&(held.visible_at, number));
        held.visible_at = now + visibility;
        self.deadlines.insert((held.visible_at, number), ());
        self.arrivals.notify_waiters();
        true
    }

    /// The message in flight whose latest receipt this is.
    fn number_of(&self, receipt: &str) -> Option<u64> {
        let number = receipt.split_once('.')?.0.parse().ok()?;
        self.in_flight.get(&number).filter(|held| held.message.receipt() == receipt).map(|_| number)
    }

    /// When a message was first received.
    pub(super) fn first_receive(&self, number: u64) -> Option<Instant> {
        self.first_receives.get(&number).copied()
    }

    /// When the next message in flight becomes visible.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first_key_value().map(|((at, _), ())| *at)
    }

    /// Wakes long polls when a message arrives.
    pub(super) fn arrivals(&self) -> Arc<Notify> {
        Arc::clone(&self.arrivals)
    }

    /// The number of messages, those in flight included.
    pub(super) fn len(&self) -> usize {
        self.visible.len() + self.in_flight.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VISIBILITY: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn message_returns_when_its_visibility_timeout_expires() {
        let mut queue = FastQueue::default();
        queue.send("one".to_owned());
        let first = queue.take(10, VISIBILITY, Instant::now());
        assert_eq!((first.len(), queue.take(10, VISIBILITY, Instant::now()).len()), (1, 0));
        tokio::time::advance(VISIBILITY).await;
        let again = queue.take(10, VISIBILITY, Instant::now());
        let first_receive = queue.first_receive(first[0].number);
        assert_eq!(first_receive, Some(Instant::now() - VISIBILITY), "a redelivery does not change it");
        assert_eq!(again.iter().map(|message| message.receive_count).collect::<Vec<_>>(), [2]);
        queue.delete(&first[0].receipt());
        assert_eq!(queue.len(), 1, "an old receipt deletes nothing");
        queue.delete(&again[0].receipt());
        assert_eq!((queue.len(), queue.next_deadline()), (0, None));
    }

    #[tokio::test(start_paused = true)]
    async fn changed_visibility_moves_the_deadline() {
        let mut queue = FastQueue::default();
        queue.send("one".to_owned());
        let receipt = queue.take(1, VISIBILITY, Instant::now())[0].receipt();
        assert!(queue.change_visibility(&receipt, Duration::ZERO, Instant::now()));
        assert_eq!(queue.take(1, VISIBILITY, Instant::now()).len(), 1);
        assert!(!queue.change_visibility(&receipt, Duration::ZERO, Instant::now()), "the receipt is old");
    }
}
