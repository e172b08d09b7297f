use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use doorbell_registry::BuildProjectName;
use tokio_util::sync::CancellationToken;

use crate::admission::AdmissionController;
use crate::dispatcher::Dispatcher;
use crate::domain::JobConfig;
use crate::drive::Driver;
use crate::effects::PortCalls;
use crate::events::EventConsumer;
use crate::forge_calls::ForgeCalls;
use crate::freed_slots::FreedSlotFinder;
use crate::in_flight::InFlightJobs;
use crate::job_tasks::{JobTasks, TaskPool};
use crate::liveness::{Liveness, LoopKind};
use crate::policy_cache::PolicyCache;
use crate::ports::{MessageQueue, Ports};
use crate::quarantine::Quarantine;
use crate::receipt_writer::ReceiptWriter;
use crate::receiver::Receiver;
use crate::registry_reader::RegistryReader;
use crate::row_store::RowStore;
use crate::slot_keeper::SlotKeeper;
use crate::sweep::Sweeper;
use crate::triggers::TriggerConsumer;
use crate::turn_keeper::TurnKeeper;
use crate::wake_queue::WakeQueue;

/// Configuration of one worker.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The rules that rows follow.
    pub jobs: JobConfig,
    /// The topic of requests. A message of another topic is rejected.
    pub topic_arn: String,
    /// The build project of project documents that name none.
    pub fallback_build_project: Option<BuildProjectName>,
    /// Jobs in flight at once.
    pub max_in_flight: usize,
    /// The builds of this installation that may run at once, over all workers; as many as the provider runs, if none.
    pub max_builds: Option<u32>,
    /// Time between two sweeps.
    pub sweep_interval: Duration,
    /// A name for this process, unlike any other's: it signs the rows that this process writes.
    pub instance: String,
}

type PortDriver<P> = Driver<
    <P as Ports>::JobLedger,
    <P as Ports>::OrderLedger,
    <P as Ports>::Clock,
    PortCalls<
        <P as Ports>::BuildProvider,
        <P as Ports>::DoneEventPublisher,
        <P as Ports>::StatusReporter,
        <P as Ports>::RefResolver,
        <P as Ports>::SecretStore,
    >,
>;

type PortEvents<P> =
    EventConsumer<<P as Ports>::JobLedger, <P as Ports>::Clock, <P as Ports>::BuildProvider, PortDriver<P>>;

type PortSweeper<P> = Sweeper<<P as Ports>::JobLedger, <P as Ports>::Clock, <P as Ports>::BuildProvider, PortDriver<P>>;

type PortFreedSlotFinder<P> =
    FreedSlotFinder<<P as Ports>::JobLedger, <P as Ports>::Clock, <P as Ports>::BuildProvider, PortDriver<P>>;

type PortRegistryReader<P> = RegistryReader<
    <P as Ports>::ProjectRegistry,
    <P as Ports>::JobLedger,
    <P as Ports>::JobLedger,
    <P as Ports>::Clock,
    PortDriver<P>,
>;

/// One worker: composes the parts and runs their loops.
pub struct Engine<P: Ports> {
    triggers: Arc<TriggerConsumer<P::JobLedger, P::Clock, PortDriver<P>>>,
    events: Arc<PortEvents<P>>,
    registry_reader: PortRegistryReader<P>,
    sweeper: PortSweeper<P>,
    freed_slots: PortFreedSlotFinder<P>,
    dispatcher: Dispatcher<P::JobLedger, P::Clock, PortDriver<P>>,
    receipt_writer: ReceiptWriter<P::JobLedger, PortDriver<P>>,
    pool: Arc<TaskPool>,
    liveness: Arc<Liveness>,
    sweep_interval: Duration,
    instance: String,
}

impl<P: Ports> Engine<P> {
    /// A worker that does nothing yet. Its parts share the ports, which are handles that are cheap to clone.
    pub fn new(ports: P, config: EngineConfig) -> Arc<Self>
    where
        P::Clock: Clone,
        P::ProjectRegistry: Clone,
        P::JobLedger: Clone,
        P::OrderLedger: Clone,
        P::BuildProvider: Clone,
        P::DoneEventPublisher: Clone,
        P::StatusReporter: Clone,
        P::RefResolver: Clone,
        P::SecretStore: Clone,
    {
        let EngineConfig {
            jobs,
            topic_arn,
            fallback_build_project,
            max_in_flight,
            max_builds,
            sweep_interval,
            instance,
        } = config;
        let installation = jobs.installation.clone();
        let (clock, provider) = (|| ports.clock().clone(), || ports.provider().clone());
        let rows = Arc::new(RowStore::new(ports.ledger().clone(), instance.clone()));
        let policies = Arc::new(PolicyCache::new(fallback_build_project));
        let admission = Arc::new(AdmissionController::new(clock(), jobs));
        let in_flight = Arc::new(InFlightJobs::default());
        let pool = Arc::new(TaskPool::new(max_in_flight));
        let quarantine = Arc::new(Quarantine::new(Arc::clone(&rows), clock()));
        let tasks = Arc::new(JobTasks::new(Arc::clone(&pool), quarantine));
        let calls = PortCalls::new(
            provider(),
            ports.done_events().clone(),
            ForgeCalls::new(ports.reporter().clone(), ports.resolver().clone(), ports.secrets().clone()),
            Arc::clone(&policies),
        );
        let wake_queue = Arc::<WakeQueue>::default();
        let orders = ports.order_ledger().clone();
        let turns = TurnKeeper::new(Arc::clone(&rows), orders, clock(), Arc::clone(&wake_queue));
        let driver = Arc::new(Driver::new(
            Arc::clone(&rows),
            clock(),
            Arc::clone(&admission),
            calls,
            turns,
            SlotKeeper::new(Arc::clone(&rows), max_builds),
            Arc::clone(&in_flight),
        ));
        let liveness = Arc::new(Liveness::default());
        Arc::new(Self {
            triggers: Arc::new(TriggerConsumer::new(
                Arc::clone(&rows),
                clock(),
                Arc::clone(&admission),
                Arc::clone(&policies),
                Arc::clone(&driver),
                Arc::clone(&tasks),
                topic_arn,
            )),
            events: Arc::new(EventConsumer::new(
                Arc::clone(&rows),
                provider(),
                Arc::clone(&admission),
                Arc::clone(&driver),
                Arc::clone(&tasks),
                installation,
            )),
            registry_reader: RegistryReader::new(
                ports.registry().clone(),
                ports.ledger().clone(),
                policies,
                clock(),
                Arc::clone(&rows),
                Arc::clone(&driver),
                Arc::clone(&tasks),
            ),
            sweeper: Sweeper::new(
                Arc::clone(&rows),
                clock(),
                provider(),
                Arc::clone(&driver),
                Arc::clone(&tasks),
                Arc::clone(&in_flight),
                Arc::clone(&liveness),
            ),
            freed_slots: FreedSlotFinder::new(
                Arc::clone(&rows),
                provider(),
                Arc::clone(&admission),
                Arc::clone(&driver),
                Arc::clone(&tasks),
            ),
            receipt_writer: ReceiptWriter::new(Arc::clone(&rows), Arc::clone(driver.receipts()), Arc::clone(&driver)),
            dispatcher: Dispatcher::new(rows, clock(), admission, driver, tasks, in_flight, wake_queue),
            pool,
            liveness,
            sweep_interval,
            instance,
        })
    }

    /// When its loops last succeeded.
    pub fn liveness(&self) -> &Arc<Liveness> {
        &self.liveness
    }

    /// Works until `stop`: then it receives nothing new, finishes the jobs in flight and returns.
    ///
    /// A caller that cannot wait so long may drop it: each row that it leaves has the time at which another worker
    /// takes over.
    pub async fn run(self: Arc<Self>, triggers: impl MessageQueue, events: impl MessageQueue, stop: CancellationToken) {
        let receiver = |kind| Receiver::new(kind, Arc::clone(&self.pool), Arc::clone(&self.liveness));
        let (trigger_receiver, event_receiver) = (receiver(LoopKind::Triggers), receiver(LoopKind::Events));
        futures_util::join!(
            Arc::clone(&self.triggers).run(&trigger_receiver, triggers, stop.clone()),
            Arc::clone(&self.events).run(&event_receiver, events, stop.clone()),
            self.registry_reader.run(stop.clone()),
            self.sweeper.run(&self.instance, self.sweep_interval, stop.clone()),
            self.freed_slots.run(stop.clone()),
            self.receipt_writer.run(stop.clone()),
            self.dispatcher.run(stop),
        );
        self.pool.drain().await;
        while self.registry_reader.read_waiting().await {
            self.pool.drain().await;
        }
        self.receipt_writer.write_all().await;
    }
}

impl<P: Ports> fmt::Debug for Engine<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Engine").field("instance", &self.instance).finish_non_exhaustive()
    }
}
