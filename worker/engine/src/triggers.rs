//! Consumes requests: parse, insert, ack. Everything after the insert is `next()`.

use std::sync::Arc;

use doorbell_messages::{Envelope, JobKey, Request};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, warn};

use crate::acks::{acknowledge, dead_letter};
use crate::admission::{AdmissionController, PermittedDecision, Waiters};
use crate::domain::{LEASE, Observation, PolicyLookup, Row, SourceMessage, Timestamp};
use crate::drive::{JobDriver, PersistedDecision};
use crate::job_log::{log_transition, span};
use crate::job_tasks::{CapacityPermit, JobTasks};
use crate::metrics;
use crate::policy_cache::PolicyCache;
use crate::ports::{Clock, Delivery, JobLedger, MessageQueue, ReceiptHandle};
use crate::receiver::Receiver;
use crate::row_store::{RowInsert, RowStore};

/// Makes jobs of build requests.
#[derive(Debug)]
pub(crate) struct TriggerConsumer<L, C, D> {
    rows: Arc<RowStore<L>>,
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
    receipt: ReceiptHandle,
    message_id: String,
    initial_row: Row,
    persisted: PersistedDecision,
    waiters: Waiters,
}

/// Why a message does not become a job now.
enum RequestError {
    /// It never will: it goes to the dead-letter queue with this reason.
    Invalid(String),
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
        Self { rows, clock, admission, policies, driver, tasks, topic_arn }
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
    /// Returns no error: a message that is not acked is redelivered. That is so where
    /// [`TriggerConsumer::handle_request`] is deferred, the insert fails, or the dead-letter queue fails.
    async fn handle_batch(&self, queue: &impl MessageQueue, batch: Vec<Delivery>, mut capacity: CapacityPermit) {
        let (mut new_jobs, mut acks) = (Vec::with_capacity(batch.len()), Vec::new());
        for delivery in batch {
            match self.handle_request(&delivery) {
                Ok(new_job) => new_jobs.push(new_job),
                Err(RequestError::Invalid(reason)) => acks.extend(dead_letter(queue, delivery, reason).await),
                Err(RequestError::Deferred) => {}
            }
        }
        for new_job in self.insert(new_jobs, &mut acks).await {
            self.spawn_start(new_job, capacity.split(1));
        }
        acknowledge(queue, acks).await;
    }

    /// Reads a message and makes its job.
    ///
    /// Returns `Err` where the envelope, the topic, the request or its key is invalid, and where
    /// [`TriggerConsumer::create_job`] is deferred.
    fn handle_request(&self, delivery: &Delivery) -> Result<NewJob, RequestError> {
        let (request, key, message) = self.parse(delivery).map_err(RequestError::Invalid)?;
        self.create_job(delivery, request, key, message)
    }

    fn parse(&self, delivery: &Delivery) -> Result<(Request, JobKey, SourceMessage), String> {
        let envelope = Envelope::parse(&delivery.body).map_err(|error| error.to_string())?;
        if envelope.topic_arn != self.topic_arn {
            return Err(format!("it was published to another topic: {}", envelope.topic_arn.escape_debug()));
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
        delivery: &Delivery,
        request: Request,
        key: JobKey,
        message: SourceMessage,
    ) -> Result<NewJob, RequestError> {
        let claimed_at = Instant::now();
        let Some(now) = self.clock.now() else {
            warn!(sqs.message_id = delivery.message_id, "no trusted AWS time yet; message left for redelivery");
            return Err(RequestError::Deferred);
        };
        let policy = self.policies.cached(&request.project);
        let initial_row = Row::new(key, request, message, now);
        let observation =
            policy.map_or(Observation::Due, |policy| Observation::PolicyRead(PolicyLookup::Found(policy)));
        let permitted = self.admission.decide(&initial_row, &observation, &mut None);
        let PermittedDecision { decision, permits, waiters } = permitted.ok_or(RequestError::Deferred)?;
        let mut row = decision.row;
        if row.phase_due_at.is_some_and(|due| due <= now) {
            // The worker that inserts the row processes it; the sweep does so only after a crash.
            row.phase_due_at = Some(now + LEASE);
        }
        Ok(NewJob {
            receipt: delivery.receipt.clone(),
            message_id: delivery.message_id.clone(),
            initial_row,
            persisted: PersistedDecision { row, effects: decision.effects, permits, claimed_at },
            waiters,
        })
    }

    /// Inserts the jobs' rows. Returns those that are new; adds the receipts of those whose row is durable.
    async fn insert(&self, new_jobs: Vec<NewJob>, acks: &mut Vec<ReceiptHandle>) -> Vec<NewJob> {
        let rows: Vec<Row> = new_jobs.iter().map(|new_job| new_job.persisted.row.clone()).collect();
        let results = if rows.is_empty() { Vec::new() } else { self.rows.insert(rows).await };
        let mut inserted = Vec::new();
        for (mut new_job, (row, result)) in new_jobs.into_iter().zip(results) {
            new_job.persisted.row = row;
            let not_persisted = match result {
                RowInsert::Inserted => {
                    metrics::job_received();
                    acks.push(new_job.receipt.clone());
                    inserted.push(new_job);
                    continue;
                }
                RowInsert::AlreadyExists => {
                    metrics::duplicate_request();
                    let key = &new_job.persisted.row.key;
                    info!(job.key = %key, sqs.message_id = new_job.message_id, "duplicate request; job already exists");
                    acks.push(new_job.receipt);
                    continue;
                }
                RowInsert::NewerSchema(schema) => format!("its row has newer schema {schema}"),
                RowInsert::Failed(error) => error.to_string(),
            };
            warn!(
                sqs.message_id = new_job.message_id,
                "job not persisted; message left for redelivery: {not_persisted}"
            );
        }
        inserted
    }

    /// Starts to process a durable job in a task of its own.
    fn spawn_start(&self, new_job: NewJob, capacity: Option<CapacityPermit>) {
        let NewJob { message_id, initial_row, persisted, waiters, .. } = new_job;
        let (admission, driver) = (Arc::clone(&self.admission), Arc::clone(&self.driver));
        let span = span(&persisted.row);
        span.record("sqs.message_id", &message_id);
        let key = persisted.row.key.clone();
        let start = async move {
            info!(git.ref = %persisted.row.git_ref(), "request received");
            log_transition(&initial_row, &persisted.row);
            admission.enqueue_waiters(&persisted.row, waiters);
            driver.resume(persisted).await;
            drop(capacity);
        };
        self.tasks.spawn(key, start.instrument(span));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_tasks::TaskPool;
    use crate::quarantine::Quarantine;
    use crate::stubs::{
        ClockStub, DriverStub, LedgerStub, NOW, QueueStub, TOPIC, WriteFault, config, delivery, request_delivery, row,
    };

    struct Handled {
        queue: QueueStub,
        driver: Arc<DriverStub>,
    }

    async fn handle(ledger: &LedgerStub, clock: ClockStub, batch: Vec<Delivery>) -> Handled {
        let instance = format!("after-{}-rows", ledger.rows().len());
        let (rows, driver) = (Arc::new(RowStore::new(ledger.clone(), instance)), Arc::new(DriverStub::default()));
        let pool = Arc::new(TaskPool::new(10));
        let quarantine = Arc::new(Quarantine::new(Arc::clone(&rows), clock));
        let consumer = TriggerConsumer::new(
            rows,
            clock,
            Arc::new(AdmissionController::new(clock, config())),
            Arc::new(PolicyCache::new(None)),
            Arc::clone(&driver),
            Arc::new(JobTasks::new(Arc::clone(&pool), quarantine)),
            TOPIC.to_owned(),
        );
        let queue = QueueStub::default();
        let capacity = pool.acquire(10).await.unwrap();
        consumer.handle_batch(&queue, batch, capacity).await;
        pool.drain().await;
        Handled { queue, driver }
    }

    #[tokio::test]
    async fn request_is_acked_when_its_row_is_durable() {
        let ledger = LedgerStub::default();
        let handled = handle(&ledger, ClockStub(Some(NOW)), vec![request_delivery(1)]).await;
        assert_eq!(handled.queue.acked(), ["1"]);
        assert_eq!(ledger.rows().len(), 1);
        assert_eq!(handled.driver.resumed(), [row(1).key]);
        let again = handle(&ledger, ClockStub(Some(NOW)), vec![request_delivery(1)]).await;
        assert_eq!((again.queue.acked(), again.driver.resumed()), (vec!["1".to_owned()], Vec::new()));
    }

    #[tokio::test]
    async fn request_whose_insert_fails_stays_in_the_queue() {
        let ledger = LedgerStub::default();
        ledger.script(&[WriteFault::Fail]);
        let handled = handle(&ledger, ClockStub(Some(NOW)), vec![request_delivery(1), request_delivery(2)]).await;
        assert_eq!(handled.queue.acked(), ["2"]);
    }

    #[tokio::test]
    async fn request_of_a_newer_schema_row_stays_in_the_queue() {
        let ledger = LedgerStub::default();
        ledger.set_newer_schema(&row(1));
        let handled = handle(&ledger, ClockStub(Some(NOW)), vec![request_delivery(1)]).await;
        assert!(handled.queue.acked().is_empty() && handled.driver.resumed().is_empty());
    }

    #[tokio::test]
    async fn request_stays_in_the_queue_without_a_trusted_time() {
        let handled = handle(&LedgerStub::default(), ClockStub(None), vec![request_delivery(1)]).await;
        assert!(handled.queue.acked().is_empty() && handled.queue.dead_letters().is_empty());
    }

    #[tokio::test]
    async fn invalid_message_is_dead_lettered_and_acked() {
        let handled = handle(&LedgerStub::default(), ClockStub(Some(NOW)), vec![delivery("x", 1)]).await;
        assert_eq!(handled.queue.acked(), ["x"]);
        assert_eq!(handled.queue.dead_letters().len(), 1);
    }
}
