//! Requests: parse, insert, ack; everything after that is `inject_next()`.

use std::sync::Arc;

use doorbell_messages::{DeadLetter, Envelope, JobKey, Request};
use tokio::time::Instant;
use tracing::{Instrument, info, warn};

use crate::admission::{PermittedDecision, Waiters};
use crate::domain::{Observation, PolicyLookup, Row, SourceMessage, Timestamp};
use crate::drive::{PersistedDecision, log_transition, span};
use crate::engine::Engine;
use crate::metrics;
use crate::ports::{Delivery, MessageQueue, Ports, ReceiptHandle};
use crate::receiver::{CapacityPermit, acknowledge};
use crate::row_store::RowInsert;

/// A delivery that became a row.
struct NewJob {
    receipt: ReceiptHandle,
    message_id: String,
    initial_row: Row,
    persisted: PersistedDecision,
    waiters: Waiters,
}

impl<P: Ports> Engine<P> {
    /// Handles one batch. A message is acked only after its row is durable, or after it lies in the dead-letter queue;
    /// whatever fails on the way lets it come back.
    pub(crate) async fn handle_requests(
        self: &Arc<Self>,
        queue: &impl MessageQueue,
        batch: Vec<Delivery>,
        mut capacity: CapacityPermit,
    ) {
        let mut new_jobs = Vec::with_capacity(batch.len());
        let mut acks = Vec::new();
        for delivery in batch {
            match self.parse(&delivery) {
                Ok((request, key, message)) => new_jobs.extend(self.create_job(delivery, request, key, message)),
                Err(reason) => acks.extend(self.dead_letter(queue, delivery, reason).await),
            }
        }
        let rows: Vec<Row> = new_jobs.iter().map(|new_job: &NewJob| new_job.persisted.row.clone()).collect();
        let outcomes = if rows.is_empty() { Vec::new() } else { self.rows.insert(rows).await };
        let mut inserted = Vec::new();
        for (mut new_job, (row, outcome)) in new_jobs.into_iter().zip(outcomes) {
            new_job.persisted.row = row;
            match outcome {
                RowInsert::Inserted => {
                    metrics::job_received();
                    acks.push(new_job.receipt.clone());
                    inserted.push(new_job);
                }
                RowInsert::AlreadyExists => {
                    metrics::duplicate_request();
                    info!(job.key = %new_job.persisted.row.key, sqs.message_id = new_job.message_id, "the job is there already");
                    acks.push(new_job.receipt);
                }
                RowInsert::NewerSchema(schema) => warn!(
                    sqs.message_id = new_job.message_id,
                    "job not persisted; message left for redelivery: its row has newer schema {schema}"
                ),
                RowInsert::Failed(error) => warn!(
                    sqs.message_id = new_job.message_id,
                    "job not persisted; message left for redelivery: {error}"
                ),
            }
        }
        // The rows are durable: nobody has to wait for anybody from here on.
        for new_job in inserted {
            let (engine, capacity) = (Arc::clone(self), capacity.split(1));
            self.spawn_for(new_job.persisted.row.key.clone(), async move {
                engine.start_job(new_job).await;
                drop(capacity);
            });
        }
        acknowledge(queue, acks).await;
    }

    fn parse(&self, delivery: &Delivery) -> Result<(Request, JobKey, SourceMessage), String> {
        let envelope = Envelope::parse(&delivery.body).map_err(|error| error.to_string())?;
        if envelope.topic_arn != self.config.topic_arn {
            return Err(format!("it was published to another topic: {}", envelope.topic_arn.escape_debug()));
        }
        let sent_at = Timestamp::parse(&envelope.timestamp).map_err(|error| format!("$.Timestamp: {error}"))?;
        let request = Request::parse(&envelope.message).map_err(|error| format!("the request is refused: {error}"))?;
        let key = JobKey::for_request(&request, &envelope.message_id)?;
        Ok((request, key, SourceMessage { id: envelope.message_id, sent_at }))
    }

    /// Makes the row, and takes it as far as it goes without asking anybody: with a known policy and commit the
    /// insert is the claim of the first send.
    fn create_job(&self, delivery: Delivery, request: Request, key: JobKey, message: SourceMessage) -> Option<NewJob> {
        let at = Instant::now();
        let Some(now) = crate::ports::Clock::now(self.ports.clock()) else {
            warn!(sqs.message_id = delivery.message_id, "AWS's time is not known: the message stays in the queue");
            return None;
        };
        let policy = self.policies.cached(&request.project);
        let initial_row = Row::new(key, request, message, now);
        let observation =
            policy.map_or(Observation::Due, |policy| Observation::PolicyRead(PolicyLookup::Found(policy)));
        let PermittedDecision { decision, permits, waiters } = self.decide(&initial_row, &observation, None)?;
        let mut row = decision.row;
        if row.phase_due_at.is_some_and(|due| due <= now) {
            // Whoever inserts it looks after it; the sweep only if that worker dies.
            row.phase_due_at = Some(now + crate::domain::LEASE);
        }
        Some(NewJob {
            receipt: delivery.receipt,
            message_id: delivery.message_id,
            initial_row,
            persisted: PersistedDecision { row, effects: decision.effects, permits, claimed_at: at },
            waiters,
        })
    }

    async fn start_job(&self, new_job: NewJob) {
        let span = span(&new_job.persisted.row);
        span.record("sqs.message_id", &new_job.message_id);
        async {
            info!(git.reference = %new_job.persisted.row.git_ref(), "request received");
            log_transition(&new_job.initial_row, &new_job.persisted.row);
            self.enqueue_waiters(&new_job.persisted.row, new_job.waiters);
            self.resume(new_job.persisted).await;
        }
        .instrument(span)
        .await;
    }

    pub(crate) async fn dead_letter(
        &self,
        queue: &impl MessageQueue,
        delivery: Delivery,
        reason: String,
    ) -> Option<ReceiptHandle> {
        warn!(sqs.message_id = delivery.message_id, "the message goes to the dead-letter queue: {reason}");
        let dead_letter = DeadLetter::new(reason, delivery.receive_count, delivery.message_id.clone(), &delivery.body);
        match queue.dead_letter(dead_letter).await {
            Ok(()) => {
                metrics::message_dead_lettered();
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
