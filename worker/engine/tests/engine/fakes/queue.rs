use std::sync::Mutex;
use std::time::Duration;

use doorbell_engine::ports::{Deliveries, Delivery, PortError, Receipt};
use doorbell_messages::{DeadLetter, Envelope, JobKey, Request};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Call, Dice, Worker, locked};

/// A standard queue: at least once, in no promised order, with a visibility timeout.
#[derive(Debug, Default)]
pub struct Queue {
    messages: Mutex<Vec<Message>>,
    pub dead_letters: Mutex<Vec<DeadLetter>>,
    arrived: Notify,
    sent: std::sync::atomic::AtomicU32,
    /// As loose as a standard queue may be: out of order, twice, back after its deletion.
    pub loose: Mutex<Option<Dice>>,
    /// A message whose first delete fails, though the call that asks for it succeeds.
    pub sticks: Mutex<Option<String>>,
}

#[derive(Debug)]
struct Message {
    id: String,
    body: String,
    visible_at: Instant,
    receive_count: u32,
}

/// How long a message that was handed out stays away.
const VISIBILITY: Duration = Duration::from_secs(30);

impl Queue {
    pub fn send(&self, body: String) {
        let mut messages = locked(&self.messages);
        let id = format!("sqs-{}", self.sent.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        messages.push(Message { id, body, visible_at: Instant::now(), receive_count: 0 });
        self.arrived.notify_waiters();
    }

    pub fn len(&self) -> usize {
        locked(&self.messages).len()
    }

    fn take(&self) -> Vec<Delivery> {
        let now = Instant::now();
        let mut messages = locked(&self.messages);
        let mut loose = locked(&self.loose);
        if let Some(dice) = &mut *loose
            && messages.len() > 1
        {
            let by = dice.below(messages.len() as u64) as usize;
            messages.rotate_left(by);
        }
        messages
            .iter_mut()
            .filter(|message| message.visible_at <= now)
            .take(10)
            .map(|message| {
                let is_twice = loose.as_mut().is_some_and(|dice| dice.once_in(8));
                message.visible_at = now + if is_twice { Duration::from_secs(1) } else { VISIBILITY };
                message.receive_count += 1;
                Delivery {
                    body: message.body.clone(),
                    message_id: message.id.clone(),
                    receive_count: message.receive_count,
                    receipt: Receipt(message.id.clone()),
                }
            })
            .collect()
    }

    fn next_visible(&self) -> Option<Instant> {
        locked(&self.messages).iter().map(|message| message.visible_at).min()
    }
}

/// Which of the two queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Triggers,
    Events,
}

/// A queue, as one worker holds it.
#[derive(Debug, Clone)]
pub struct QueueOf(pub Worker, pub Which);

impl QueueOf {
    fn queue(&self) -> &Queue {
        match self.1 {
            Which::Triggers => &self.0.shared.triggers,
            Which::Events => &self.0.shared.events,
        }
    }

    /// Invariant 4: a request is deleted only after its row is durable, or after it lies in the dead-letter queue.
    fn watch_ack(&self, body: &str) {
        if self.1 == Which::Events {
            return;
        }
        let key = Envelope::parse(body).ok().and_then(|envelope| {
            JobKey::for_request(&Request::parse(&envelope.message).ok()?, &envelope.message_id).ok()
        });
        let is_kept = key.is_some_and(|key| locked(&self.0.shared.table).holds(&key))
            || locked(&self.queue().dead_letters).iter().any(|letter| letter.body == body);
        if !is_kept {
            self.0.shared.violation(format!("deleted before it was durable: {body}"));
        }
    }
}

impl Deliveries for QueueOf {
    async fn receive(&self, wait: Duration) -> Result<Vec<Delivery>, PortError> {
        let until = Instant::now() + wait;
        loop {
            self.0.process.lives().await;
            let arrived = self.queue().arrived.notified();
            let batch = self.queue().take();
            if !batch.is_empty() || Instant::now() >= until {
                return Ok(batch);
            }
            let look = self.queue().next_visible().map_or(until, |visible| visible.min(until));
            tokio::select! {
                () = arrived => {}
                () = tokio::time::sleep_until(look) => {}
            }
        }
    }

    async fn ack(&self, receipts: Vec<Receipt>) -> Result<(), PortError> {
        self.0.process.before(Call::Ack).await?;
        let bodies: Vec<String> = {
            let mut messages = locked(&self.queue().messages);
            let sticks = locked(&self.queue().sticks).take_if(|body| {
                messages.iter().any(|it| it.body == *body && receipts.iter().any(|receipt| receipt.0 == it.id))
            });
            let is_acked = |message: &Message| {
                sticks.as_ref() != Some(&message.body) && receipts.iter().any(|receipt| receipt.0 == message.id)
            };
            let bodies =
                messages.iter().filter(|message| is_acked(message)).map(|message| message.body.clone()).collect();
            let mut loose = locked(&self.queue().loose);
            messages.retain(|message| !is_acked(message) || loose.as_mut().is_some_and(|dice| dice.once_in(16)));
            bodies
        };
        bodies.iter().for_each(|body| self.watch_ack(body));
        self.0.process.after(Call::Ack).await
    }

    async fn bury(&self, letter: DeadLetter) -> Result<(), PortError> {
        self.0.process.before(Call::Bury).await?;
        locked(&self.queue().dead_letters).push(letter);
        self.0.process.after(Call::Bury).await
    }
}
