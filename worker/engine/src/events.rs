//! Consumes build events. An event only names a build; its status is read from the provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use doorbell_messages::{BuildEvent, BuildId};
use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::acks::{acknowledge, dead_letter};
use crate::admission::AdmissionController;
use crate::describe::describe_builds;
use crate::domain::{InstallationId, Observation, Phase, ProviderBuild};
use crate::drive::JobDriver;
use crate::job_tasks::{CapacityPermit, JobTasks};
use crate::metrics;
use crate::ports::{BuildProvider, Clock, Delivery, JobLedger, LoadError, MessageQueue, ReceiptHandle};
use crate::receiver::Receiver;
use crate::row_store::{RowStore, log_load_error};

/// Applies build events to rows.
#[derive(Debug)]
pub(crate) struct EventConsumer<L, C, B, D> {
    rows: Arc<RowStore<L>>,
    provider: B,
    admission: Arc<AdmissionController<C>>,
    driver: Arc<D>,
    tasks: Arc<JobTasks<L, C>>,
    installation: InstallationId,
}

/// What the events of one batch say of one build.
#[derive(Debug, Default)]
struct BuildHint {
    claims_final: bool,
    receipts: Vec<ReceiptHandle>,
}

impl<L, C, B, D> EventConsumer<L, C, B, D>
where
    L: JobLedger + 'static,
    C: Clock + 'static,
    B: BuildProvider + 'static,
    D: JobDriver,
{
    pub(crate) fn new(
        rows: Arc<RowStore<L>>,
        provider: B,
        admission: Arc<AdmissionController<C>>,
        driver: Arc<D>,
        tasks: Arc<JobTasks<L, C>>,
        installation: InstallationId,
    ) -> Self {
        Self { rows, provider, admission, driver, tasks, installation }
    }

    /// Polls the queue until `stop`. Returns no error: failed polls are logged and repeated.
    pub(crate) async fn run(self: Arc<Self>, receiver: &Receiver, queue: impl MessageQueue, stop: CancellationToken) {
        let handle = |queue: Arc<_>, batch, capacity| {
            let consumer = Arc::clone(&self);
            async move { consumer.handle_batch(&*queue, batch, capacity).await }
        };
        receiver.run(queue, stop, handle).await;
    }

    /// Handles one batch with one describe call, and acks the events whose rows have the provider's answer.
    ///
    /// Returns no error: an event that is not acked is redelivered. That is so where the provider does not answer, and
    /// where [`EventConsumer::apply_build`] fails. An event whose build the provider refuses to describe is acked. If an event is never delivered, the sweep polls its build.
    async fn handle_batch(&self, queue: &impl MessageQueue, batch: Vec<Delivery>, mut capacity: CapacityPermit) {
        let mut dead_lettered = Vec::new();
        let mut hints: BTreeMap<BuildId, BuildHint> = BTreeMap::new();
        for delivery in batch {
            match parse(&delivery) {
                Ok(event) => {
                    let hint = hints.entry(event.build).or_default();
                    hint.claims_final |= event.claims_final;
                    hint.receipts.push(delivery.receipt);
                }
                Err(reason) => dead_lettered.extend(dead_letter(queue, delivery, reason).await),
            }
        }
        acknowledge(queue, dead_lettered).await;
        let ids: Vec<BuildId> = hints.keys().cloned().collect();
        debug_assert!(ids.len() <= self.provider.profile().max_describe_batch);
        let described = describe_builds(&self.provider, &ids).await;
        // An event of a build that this worker may not read would come back as long as its queue keeps it. Where the
        // build is a job's after all, the row's due time covers the event.
        described.refused.keys().for_each(|_| metrics::foreign_event());
        hints.retain(|id, _| !described.failed.contains_key(id));
        let applied = described.builds.into_iter().map(|build| {
            let claims_final = hints.get(&build.id).is_some_and(|hint| hint.claims_final);
            let capacity = capacity.split(1);
            async move { (build.id.clone(), self.apply_build(build, claims_final, capacity).await) }
        });
        for (id, applied) in join_all(applied).await {
            if applied.is_err() {
                hints.remove(&id);
            }
        }
        acknowledge(queue, hints.into_values().flat_map(|hint| hint.receipts).collect()).await;
    }

    /// Applies a build to its job's row, and returns when the row has it. The effects continue in a task.
    ///
    /// Returns `Err` where the row has a newer schema: a newer worker is to receive the event. A row that is absent, or
    /// that the ledger could not read, is logged; the row's due time covers the event.
    async fn apply_build(
        &self,
        build: ProviderBuild,
        claims_final: bool,
        capacity: Option<CapacityPermit>,
    ) -> Result<(), LoadError> {
        let key = build.job_id.as_ref().and_then(|job_id| self.installation.job_key_in(job_id));
        let Some(key) = key else {
            metrics::foreign_event();
            debug!(build.id = %build.id, "ignoring event of a foreign build");
            return Ok(());
        };
        // What is kept of a received row may be older than the claim of the start, and would ignore the build.
        let recent = self.rows.recent(&key).filter(|row| !matches!(row.phase, Phase::Received));
        let loaded = match recent {
            Some(row) => Ok(Some(row)),
            None => self.rows.load(&key).await,
        };
        let row = match loaded {
            Ok(Some(row)) => row,
            Ok(None) => {
                info!(job.key = %key, build.id = %build.id, "event for unknown job");
                return Ok(());
            }
            Err(error) => {
                log_load_error(&key, &error);
                return if matches!(error, LoadError::NewerSchema(_)) { Err(error) } else { Ok(()) };
            }
        };
        let (driver, admission) = (Arc::clone(&self.driver), Arc::clone(&self.admission));
        let (applied, was_applied) = oneshot::channel();
        self.tasks.spawn(key.clone(), async move {
            driver.drive_and_signal(row, Observation::BuildDescribed { build, claims_final }, applied).await;
            admission.free_capacity(&key, capacity).await;
        });
        // An error says that the task panicked; the row's due time covers the event.
        let _ = was_applied.await;
        Ok(())
    }
}

/// Reads an event. Returns `Err` with the reason for which it goes to the dead-letter queue.
fn parse(delivery: &Delivery) -> Result<BuildEvent, String> {
    BuildEvent::parse(&delivery.body).map_err(|error| format!("not an event of a build: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_tasks::TaskPool;
    use crate::quarantine::Quarantine;
    use crate::stubs::{
        ClockStub, DriverStub, LedgerStub, NOW, ProviderStub, QueueStub, build_event, config, described_build, row,
        running_row,
    };

    async fn handle(ledger: &LedgerStub, provider: ProviderStub) -> (QueueStub, Arc<DriverStub>) {
        handle_batch(ledger, provider, vec![build_event("demo:1")]).await
    }

    async fn handle_batch(
        ledger: &LedgerStub,
        provider: ProviderStub,
        batch: Vec<Delivery>,
    ) -> (QueueStub, Arc<DriverStub>) {
        handle_with(Arc::new(RowStore::new(ledger.clone(), "a")), provider, batch).await
    }

    async fn handle_with(
        rows: Arc<RowStore<LedgerStub>>,
        provider: ProviderStub,
        batch: Vec<Delivery>,
    ) -> (QueueStub, Arc<DriverStub>) {
        let driver = Arc::new(DriverStub::default());
        let pool = Arc::new(TaskPool::new(10));
        let quarantine = Arc::new(Quarantine::new(Arc::clone(&rows), ClockStub(Some(NOW))));
        let tasks = Arc::new(JobTasks::new(Arc::clone(&pool), quarantine));
        let admission = Arc::new(AdmissionController::new(ClockStub(Some(NOW)), config()));
        let consumer = EventConsumer::new(rows, provider, admission, Arc::clone(&driver), tasks, config().installation);
        let queue = QueueStub::default();
        let capacity = pool.acquire(10).await.unwrap();
        consumer.handle_batch(&queue, batch, capacity).await;
        pool.drain().await;
        (queue, driver)
    }

    #[tokio::test]
    async fn event_is_acked_when_the_row_has_the_described_build() {
        let ledger = LedgerStub::with_row(&row(1));
        let build = described_build("demo:1", &row(1));
        let (queue, driver) = handle(&ledger, ProviderStub::with_builds(vec![build.clone()])).await;
        assert_eq!(queue.acked(), ["demo:1"]);
        let observation = Observation::BuildDescribed { build, claims_final: true };
        assert_eq!(driver.calls(), [(row(1).key, observation, false)]);
    }

    #[tokio::test]
    async fn kept_row_needs_no_read_unless_it_may_not_know_the_start() {
        for (kept, loads) in [(running_row(1), 0), (row(1), 1)] {
            let ledger = LedgerStub::default();
            let rows = Arc::new(RowStore::new(ledger.clone(), "a"));
            rows.insert(vec![kept]).await;
            let provider = ProviderStub::with_builds(vec![described_build("demo:1", &row(1))]);
            let (_, driver) = handle_with(rows, provider, vec![build_event("demo:1")]).await;
            assert_eq!((driver.calls().len(), ledger.loads()), (1, loads));
        }
    }

    #[tokio::test]
    async fn event_stays_in_the_queue_while_the_provider_fails() {
        let (queue, driver) = handle(&LedgerStub::with_row(&row(1)), ProviderStub::down()).await;
        assert!(queue.acked().is_empty() && driver.calls().is_empty());
    }

    #[tokio::test]
    async fn refused_build_id_does_not_hold_up_the_events_beside_it() {
        let ledger = LedgerStub::with_row(&row(1));
        let build = described_build("demo:1", &row(1));
        let provider = ProviderStub::with_builds(vec![build.clone()]).refusing("other:1");
        let batch = vec![build_event("demo:1"), build_event("other:1"), build_event("unknown:1")];
        let (queue, driver) = handle_batch(&ledger, provider, batch).await;
        let mut acked = queue.acked();
        acked.sort();
        assert_eq!(acked, ["demo:1", "other:1", "unknown:1"]);
        let observation = Observation::BuildDescribed { build, claims_final: true };
        assert_eq!(driver.calls(), [(row(1).key, observation, false)]);
    }

    #[tokio::test]
    async fn event_of_a_newer_schema_row_stays_in_the_queue() {
        let ledger = LedgerStub::default();
        ledger.set_newer_schema(&row(1));
        let build = described_build("demo:1", &row(1));
        let (queue, driver) = handle(&ledger, ProviderStub::with_builds(vec![build])).await;
        assert!(queue.acked().is_empty() && driver.calls().is_empty());
    }
}
