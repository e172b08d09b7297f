//! Requests: parse, insert, ack; everything after that is `next()`.

use std::sync::Arc;

use doorbell_messages::{DeadLetter, Envelope, JobKey, Request};
use tokio::time::Instant;
use tracing::{Instrument, info, warn};

use crate::domain::{Message, PolicySeen, Row, Seen, Timestamp};
use crate::drive::{Claimed, span, tell_the_log};
use crate::engine::Engine;
use crate::leave::{Decision, Waits};
use crate::meter;
use crate::ports::{Deliveries, Delivery, Insert, Receipt, World};
use crate::receiver::{Room, acknowledge};

/// A delivery that became a row.
struct Arrival {
    receipt: Receipt,
    message_id: String,
    blank: Row,
    claimed: Claimed,
    waits: Waits,
}

impl<W: World> Engine<W> {
    /// Handles one batch. A message is acked only after its row is durable, or after it lies in the dead-letter queue;
    /// whatever fails on the way lets it come back.
    pub(crate) async fn take_requests(
        self: &Arc<Self>,
        deliveries: &impl Deliveries,
        batch: Vec<Delivery>,
        mut room: Room,
    ) {
        let mut arrivals = Vec::with_capacity(batch.len());
        let mut acks = Vec::new();
        for delivery in batch {
            match self.parse(&delivery) {
                Ok((request, key, message)) => arrivals.extend(self.arrive(delivery, request, key, message)),
                Err(reason) => acks.extend(self.bury(deliveries, delivery, reason).await),
            }
        }
        let rows: Vec<Row> = arrivals.iter().map(|arrival| arrival.claimed.row.clone()).collect();
        let answers = if rows.is_empty() { Vec::new() } else { self.insert(&rows).await };
        let mut fresh = Vec::new();
        for (arrival, answer) in arrivals.into_iter().zip(answers) {
            match answer {
                Ok(Insert::New) => {
                    meter::job_received();
                    acks.push(arrival.receipt.clone());
                    fresh.push(arrival);
                }
                Ok(Insert::Exists) => {
                    meter::duplicate();
                    info!(job.key = %arrival.claimed.row.key, sqs.message_id = arrival.message_id, "the job is there already");
                    acks.push(arrival.receipt);
                }
                Err(error) => warn!(sqs.message_id = arrival.message_id, "the message stays in the queue: {error}"),
            }
        }
        // The rows are durable: nobody has to wait for anybody from here on.
        for arrival in fresh {
            let (engine, room) = (Arc::clone(self), room.split(1));
            self.spawn_for(arrival.claimed.row.key.clone(), async move {
                engine.begin(arrival).await;
                drop(room);
            });
        }
        acknowledge(deliveries, acks).await;
    }

    fn parse(&self, delivery: &Delivery) -> Result<(Request, JobKey, Message), String> {
        let envelope = Envelope::parse(&delivery.body).map_err(|error| error.to_string())?;
        if envelope.topic_arn != self.settings.topic_arn {
            return Err(format!("it was published to another topic: {}", envelope.topic_arn.escape_debug()));
        }
        let sent_at = Timestamp::parse(&envelope.timestamp).map_err(|error| format!("$.Timestamp: {error}"))?;
        let request = Request::parse(&envelope.message).map_err(|error| format!("the request is refused: {error}"))?;
        let key = JobKey::for_request(&request, &envelope.message_id)?;
        Ok((request, key, Message { id: envelope.message_id, sent_at }))
    }

    /// Makes the row, and takes it as far as it goes without asking anybody: with a known policy and commit the
    /// insert is the claim of the first send.
    fn arrive(&self, delivery: Delivery, request: Request, key: JobKey, message: Message) -> Option<Arrival> {
        let at = Instant::now();
        let Some(now) = crate::ports::Clock::now(self.world.clock()) else {
            warn!(sqs.message_id = delivery.message_id, "AWS's time is not known: the message stays in the queue");
            return None;
        };
        let policy = self.registry.known(&request.project);
        let blank = Row::new(key, request, message, now);
        let seen = policy.map_or(Seen::Woken, |policy| Seen::Policy(PolicySeen::Known(policy)));
        let Decision { step, leave, waits } = self.decide(&blank, &seen, None)?;
        let mut row = step.row;
        row.writer = self.signature();
        if row.phase_due.is_some_and(|due| due <= now) {
            // Whoever inserts it looks after it; the sweep only if that worker dies.
            row.phase_due = Some(now + crate::domain::LEASE);
        }
        Some(Arrival {
            receipt: delivery.receipt,
            message_id: delivery.message_id,
            blank,
            claimed: Claimed { row, acts: step.acts, leave, at },
            waits,
        })
    }

    async fn begin(&self, arrival: Arrival) {
        let span = span(&arrival.claimed.row);
        span.record("sqs.message_id", &arrival.message_id);
        async {
            info!(git.reference = %arrival.claimed.row.git_ref(), "request received");
            tell_the_log(&arrival.blank, &arrival.claimed.row);
            self.line_up(&arrival.claimed.row, arrival.waits);
            self.drive_claimed(arrival.claimed).await;
        }
        .instrument(span)
        .await;
    }

    pub(crate) async fn bury(
        &self,
        deliveries: &impl Deliveries,
        delivery: Delivery,
        reason: String,
    ) -> Option<Receipt> {
        warn!(sqs.message_id = delivery.message_id, "the message goes to the dead-letter queue: {reason}");
        let letter = DeadLetter::new(reason, delivery.receive_count, delivery.message_id.clone(), &delivery.body);
        match deliveries.bury(letter).await {
            Ok(()) => {
                meter::buried();
                Some(delivery.receipt)
            }
            Err(error) => {
                warn!(
                    sqs.message_id = delivery.message_id,
                    "the dead-letter queue did not take it; it stays in the queue: {error}"
                );
                None
            }
        }
    }
}
