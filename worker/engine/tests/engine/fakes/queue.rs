use std::sync::Mutex;
use std::time::Duration;

use doorbell_engine::ports::{Delivery, MessageQueue, PortError, ReceiptHandle};
use doorbell_messages::{DeadLetter, Envelope, JobKey, Request};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{PortCall, SeededRng, SimulatedWorker, lock};

/// A standard queue: at-least-once delivery in any order, with a visibility timeout.
#[derive(Debug, Default)]
pub struct FakeQueue {
    messages: Mutex<Vec<QueuedMessage>>,
    pub dead_letters: Mutex<Vec<DeadLetter>>,
    message_added: Notify,
    sent_count: std::sync::atomic::AtomicU32,
    /// Reorders, duplicates and redelivers messages, as a standard queue may.
    pub rng: Mutex<Option<SeededRng>>,
    /// Lets a message reach any of the receivers that wait, and not always the one that has waited longest.
    pub spread: Mutex<Option<SeededRng>>,
    /// A message whose first delete fails, though the call that asks for it succeeds.
    pub undeletable: Mutex<Option<String>>,
}

#[derive(Debug)]
struct QueuedMessage {
    id: String,
    body: String,
    visible_at: Instant,
    receive_count: u32,
}

/// Visibility timeout of a delivered message.
const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(30);

impl FakeQueue {
    pub fn send(&self, body: String) {
        let mut messages = lock(&self.messages);
        let id = format!("sqs-{}", self.sent_count.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        messages.push(QueuedMessage { id, body, visible_at: Instant::now(), receive_count: 0 });
        self.message_added.notify_waiters();
    }

    pub fn len(&self) -> usize {
        lock(&self.messages).len()
    }

    fn take(&self) -> Vec<Delivery> {
        let now = Instant::now();
        let mut messages = lock(&self.messages);
        let mut rng = lock(&self.rng);
        if let Some(rng) = &mut *rng
            && messages.len() > 1
        {
            let by = rng.below(messages.len() as u64) as usize;
            messages.rotate_left(by);
        }
        messages
            .iter_mut()
            .filter(|message| message.visible_at <= now)
            .take(10)
            .map(|message| {
                let is_twice = rng.as_mut().is_some_and(|rng| rng.once_in(8));
                message.visible_at = now + if is_twice { Duration::from_secs(1) } else { VISIBILITY_TIMEOUT };
                message.receive_count += 1;
                Delivery {
                    body: message.body.clone(),
                    message_id: message.id.clone(),
                    receive_count: message.receive_count,
                    receipt: ReceiptHandle(message.id.clone()),
                }
            })
            .collect()
    }

    fn next_visible(&self) -> Option<Instant> {
        lock(&self.messages).iter().map(|message| message.visible_at).min()
    }
}

/// Which of the two queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueKind {
    Triggers,
    Events,
}

/// A queue, as one worker holds it.
#[derive(Debug, Clone)]
pub struct SimulatedQueue(pub SimulatedWorker, pub QueueKind);

impl SimulatedQueue {
    fn queue(&self) -> &FakeQueue {
        match self.1 {
            QueueKind::Triggers => &self.0.services.triggers,
            QueueKind::Events => &self.0.services.events,
        }
    }

    /// Invariant 4: a request is deleted only after its row is durable or the dead-letter queue has it.
    fn check_ack(&self, body: &str) {
        if self.1 == QueueKind::Events {
            return;
        }
        let key = Envelope::parse(body).ok().and_then(|envelope| {
            JobKey::for_request(&Request::parse(&envelope.message).ok()?, &envelope.message_id).ok()
        });
        let is_kept = key.is_some_and(|key| lock(&self.0.services.ledger).contains(&key))
            || lock(&self.queue().dead_letters).iter().any(|dead_letter| dead_letter.body == body);
        if !is_kept {
            self.0.services.record_violation(format!("deleted before it was durable: {body}"));
        }
    }
}

impl MessageQueue for SimulatedQueue {
    async fn receive(&self, wait: Duration) -> Result<Vec<Delivery>, PortError> {
        let until = Instant::now() + wait;
        loop {
            self.0.process.wait_alive().await;
            let arrived = self.queue().message_added.notified();
            let batch = self.queue().take();
            if !batch.is_empty() || Instant::now() >= until {
                return Ok(batch);
            }
            let wake_at = self.queue().next_visible().map_or(until, |visible| visible.min(until));
            tokio::select! {
                () = arrived => {
                    let head_start = lock(&self.queue().spread).as_mut().map(|rng| rng.millis(20));
                    tokio::time::sleep(head_start.unwrap_or_default()).await;
                }
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
    }

    async fn ack(&self, receipts: Vec<ReceiptHandle>) -> Result<(), PortError> {
        self.0.process.before(PortCall::Ack).await?;
        let bodies: Vec<String> = {
            let mut messages = lock(&self.queue().messages);
            let undeletable = lock(&self.queue().undeletable).take_if(|body| {
                messages.iter().any(|it| it.body == *body && receipts.iter().any(|receipt| receipt.0 == it.id))
            });
            let is_acked = |message: &QueuedMessage| {
                undeletable.as_ref() != Some(&message.body) && receipts.iter().any(|receipt| receipt.0 == message.id)
            };
            let bodies =
                messages.iter().filter(|message| is_acked(message)).map(|message| message.body.clone()).collect();
            let mut rng = lock(&self.queue().rng);
            messages.retain(|message| !is_acked(message) || rng.as_mut().is_some_and(|rng| rng.once_in(16)));
            bodies
        };
        bodies.iter().for_each(|body| self.check_ack(body));
        self.0.process.after(PortCall::Ack).await
    }

    async fn dead_letter(&self, dead_letter: DeadLetter) -> Result<(), PortError> {
        self.0.process.before(PortCall::DeadLetter).await?;
        lock(&self.queue().dead_letters).push(dead_letter);
        self.0.process.after(PortCall::DeadLetter).await
    }
}
