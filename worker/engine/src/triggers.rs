//! Consumes requests: parse, insert, ack. Everything after the insert is `next()`.

mod existing;

use std::sync::Arc;

use doorbell_messages::text::quote;
use doorbell_messages::{Envelope, JobKey, Request};
use futures_util::future::{join_all, join3};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, warn};

use crate::acks::{acknowledge, dead_letter};
use crate::admission::{AdmissionController, PermittedDecision, Waiters};
use crate::domain::{LEASE, Observation, PolicyLookup, Row, SourceMessage, Timestamp};
use crate::drive::{JobDriver, PersistedDecision};
use crate::job_log::{log_received, log_transition, span};
use crate::job_tasks::{CapacityPermit, JobTasks};
use crate::policy_cache::PolicyCache;
use crate::ports::{Clock, Delivery, JobLedger, LoadError, MessageQueue, ReceiptHandle};
use crate::receiver::Receiver;
use crate::row_store::{RowInsert, RowStore};
use crate::series_store::SeriesStore;

/// Makes jobs of build requests.
#[derive(Debug)]
pub(crate) struct TriggerConsumer<L, C, D> {
    rows: Arc<RowStore<L>>,
    series: SeriesStore<L>,
    clock: C,
    admission: Arc<AdmissionController<C>>,
    policies: Arc<PolicyCache>,
    driver: Arc<D>,
    tasks: Arc<JobTasks<L, C>>,
    /// The topic of requests. A message of another topic is rejected.
    topic_arn: String,
}

/// A job that a message asks for, not inserted yet.
struct NewJob {
    delivery: Delivery,
    initial_row: Row,
    persisted: PersistedDecision,
    waiters: Waiters,
    /// Whether it waits for its policy, which the worker reads once the row is durable.
    awaits_policy: bool,
}

/// The jobs of one batch, by what their insert met.
#[derive(Default)]
struct InsertedJobs {
    inserted: Vec<NewJob>,
    /// Their key has a row: of the same message, or of another one with the same words.
    existing: Vec<NewJob>,
}

/// Why a message does not become a job now.
enum RequestError {
    /// It never will: it goes to the dead-letter queue with this reason.
    Invalid(Delivery, String),
    /// The worker has no trusted time: the message is redelivered.
    Deferred,
}

impl<L, C, D> TriggerConsumer<L, C, D>
where
    L: JobLedger + 'static,
    C: Clock + 'static,
    D: JobDriver,
{
    pub(crate) fn new(
        rows: Arc<RowStore<L>>,
        clock: C,
        admission: Arc<AdmissionController<C>>,
        policies: Arc<PolicyCache>,
        driver: Arc<D>,
        tasks: Arc<JobTasks<L, C>>,
        topic_arn: String,
    ) -> Self {
        let series = SeriesStore::new(Arc::clone(&rows));
        Self { rows, series, clock, admission, policies, driver, tasks, topic_arn }
    }

    /// Polls the queue until `stop`. Returns no error: failed polls are logged and repeated.
    pub(crate) async fn run(self: Arc<Self>, receiver: &Receiver, queue: impl MessageQueue, stop: CancellationToken) {
        let handle = |queue: Arc<_>, batch, capacity| {
            let consumer = Arc::clone(&self);
            async move { consumer.handle_batch(&*queue, batch, capacity).await }
        };
        receiver.run(queue, stop, handle).await;
    }

    /// Handles one batch: each message becomes a row, or goes to the dead-letter queue, and is acked then.
    ///
    /// Known projects wait for no write of the batch's others, which may be a flood. Returns no error: a message that is
    /// not acked is redelivered. That is so where [`TriggerConsumer::handle_request`] is deferred, the insert fails, or
    /// the dead-letter queue fails.
    async fn handle_batch(&self, queue: &impl MessageQueue, batch: Vec<Delivery>, mut capacity: CapacityPermit) {
        let (mut known, mut others, mut invalid) = (Vec::with_capacity(batch.len()), Vec::new(), Vec::new());
        for delivery in batch {
            match self.handle_request(delivery) {
                Ok(new_job) if self.policies.is_known(&new_job.initial_row.request.project) => known.push(new_job),
                Ok(new_job) => others.push(new_job),
                Err(RequestError::Invalid(delivery, reason)) => invalid.push((delivery, reason)),
                Err(RequestError::Deferred) => {}
            }
        }
        let for_known = capacity.split(known.len().min(capacity.num_permits()));
        let dead_letters = invalid.into_iter().map(|(delivery, reason)| dead_letter(queue, delivery, reason));
        let (known, others, dead) = join3(
            self.take_jobs(queue, known, for_known),
            self.take_jobs(queue, others, Some(capacity)),
            join_all(dead_letters),
        )
        .await;
        acknowledge(queue, known.into_iter().chain(others).chain(dead.into_iter().flatten()).collect()).await;
    }

    /// Inserts jobs and starts those that are new. Returns the receipts of the messages that may be deleted.
    async fn take_jobs(
        &self,
        queue: &impl MessageQueue,
        new_jobs: Vec<NewJob>,
        mut capacity: Option<CapacityPermit>,
    ) -> Vec<ReceiptHandle> {
        let mut acks = Vec::with_capacity(new_jobs.len());
        let mut split = || capacity.as_mut().and_then(|capacity| capacity.split(1));
        let InsertedJobs { inserted, existing } = self.insert(new_jobs, &mut acks).await;
        for new_job in inserted {
            self.spawn_start(new_job, split());
        }
        let takes = existing.into_iter().map(|new_job| self.take_existing(queue, new_job, split()));
        acks.extend(join_all(takes).await.into_iter().flatten());
        acks
    }

    /// Reads a message and makes its job.
    ///
    /// Returns `Err` where the envelope, the topic, the request or its key is invalid, and where
    /// [`TriggerConsumer::create_job`] is deferred.
    fn handle_request(&self, delivery: Delivery) -> Result<NewJob, RequestError> {
        match self.parse(&delivery) {
            Ok((request, key, message)) => self.create_job(delivery, request, key, message),
            Err(reason) => Err(RequestError::Invalid(delivery, reason)),
        }
    }

    fn parse(&self, delivery: &Delivery) -> Result<(Request, JobKey, SourceMessage), String> {
        let envelope = Envelope::parse(&delivery.body).map_err(|error| error.to_string())?;
        if envelope.topic_arn != self.topic_arn {
            return Err(format!("it was published to another topic: {}", quote(&envelope.topic_arn)));
        }
        let sent_at = Timestamp::parse(&envelope.timestamp).map_err(|error| format!("$.Timestamp: {error}"))?;
        let request = Request::parse(&envelope.message).map_err(|error| format!("the request is refused: {error}"))?;
        let key = JobKey::for_request(&request, &envelope.message_id)?;
        Ok((request, key, SourceMessage { id: envelope.message_id, sent_at }))
    }

    /// Makes the row, and decides on it as far as that needs no call.
    ///
    /// With a cached policy, a commit and a permit the insert already claims the start call. Returns `Err` where the
    /// worker has no trusted time.
    fn create_job(
        &self,
        delivery: Delivery,
        request: Request,
        key: JobKey,
        message: SourceMessage,
    ) -> Result<NewJob, RequestError> {
        let claimed_at = Instant::now();
        let Some(now) = self.clock.now() else {
            warn!(sqs.message_id = delivery.message_id, "no trusted AWS time yet; message left for redelivery");
            return Err(RequestError::Deferred);
        };
        let lookup = self.policies.peek(&request.project, now);
        let awaits_policy = matches!(lookup, PolicyLookup::Pending { .. });
        let initial_row = Row::new(key, request, message, now);
        let observation = Observation::PolicyRead(lookup);
        let permitted = self.admission.decide(&initial_row, &observation, &mut None);
        let PermittedDecision { decision, permits, waiters } = permitted.ok_or(RequestError::Deferred)?;
        let mut row = decision.row;
        if row.phase_due_at.is_some_and(|due| due <= now) {
            // The worker that inserts the row processes it; the sweep does so only after a crash.
            row.phase_due_at = Some(now + LEASE);
        }
        Ok(NewJob {
            delivery,
            initial_row,
            persisted: PersistedDecision { row, effects: decision.effects, permits, claimed_at },
            waiters,
            awaits_policy,
        })
    }

    /// Inserts the jobs' rows. Returns those that are new, and those whose key has a row; adds the receipts of those
    /// whose row is durable.
    async fn insert(&self, new_jobs: Vec<NewJob>, acks: &mut Vec<ReceiptHandle>) -> InsertedJobs {
        let rows: Vec<Row> = new_jobs.iter().map(|new_job| new_job.persisted.row.clone()).collect();
        let results = if rows.is_empty() { Vec::new() } else { self.rows.insert(rows).await };
        let mut jobs = InsertedJobs::default();
        for (mut new_job, (row, result)) in new_jobs.into_iter().zip(results) {
            new_job.persisted.row = row;
            match result {
                RowInsert::Inserted => {
                    acks.push(new_job.delivery.receipt.clone());
                    jobs.inserted.push(new_job);
                }
                RowInsert::AlreadyExists => jobs.existing.push(new_job),
                RowInsert::NewerSchema(schema) => log_not_persisted(&new_job, &LoadError::NewerSchema(schema)),
                RowInsert::Failed(error) => log_not_persisted(&new_job, &error),
            }
        }
        jobs
    }

    /// Starts to process a durable job in a task of its own.
    fn spawn_start(&self, new_job: NewJob, capacity: Option<CapacityPermit>) {
        let NewJob { delivery, initial_row, persisted, waiters, awaits_policy } = new_job;
        let (admission, driver) = (Arc::clone(&self.admission), Arc::clone(&self.driver));
        if awaits_policy {
            let row = &persisted.row;
            self.policies.wait_for(&row.request.project, &row.key, row.received_at);
        }
        let span = span(&persisted.row);
        span.record("sqs.message_id", &delivery.message_id);
        let key = persisted.row.key.clone();
        let start = async move {
            log_received(&persisted.row);
            log_transition(&initial_row, &persisted.row);
            admission.enqueue_waiters(&persisted.row, waiters);
            let key = persisted.row.key.clone();
            driver.resume(persisted).await;
            admission.free_capacity(&key, capacity).await;
        };
        self.tasks.spawn(key, start.instrument(span));
    }
}

fn log_not_persisted(new_job: &NewJob, error: &dyn std::error::Error) {
    let message_id = &new_job.delivery.message_id;
    warn!(sqs.message_id = message_id, "job not persisted; message left for redelivery: {error}");
}

#[cfg(test)]
mod tests;
