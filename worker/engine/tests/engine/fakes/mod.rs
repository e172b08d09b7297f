//! All ports over shared state in memory, in tokio's time.
//!
//! [`FakeServices`] has what exists once: the queues, the ledger, the provider and the forge. A [`SimulatedWorker`] is
//! one process's view of it and implements the ports. Its calls pass its [`SimulatedProcess`], which can fail, delay or
//! stop them, or lose their replies.

mod commit_order;
mod faults;
mod forge;
mod hours;
mod ledger;
mod orders;
mod provider;
mod queue;
mod registry;
mod seeded_rng;
mod slots;
mod topic;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorbell_engine::domain::Timestamp;
use doorbell_engine::ports;
use doorbell_messages::JobKey;
use tokio::time::Instant;

pub use commit_order::{CommandInterval, commit_id};
pub use faults::{FaultAction, FaultCounts, FaultPoint, FaultProfile, PortCall, SimulatedProcess};
pub use forge::{FakeForge, FlagWrite, ForgeBehavior};
pub use hours::FakeHours;
pub use ledger::FakeLedger;
pub use orders::FakeOrders;
pub use provider::{FakeProvider, PROFILE, event};
pub use queue::{FakeQueue, QueueKind, SimulatedQueue};
pub use registry::{FakeRegistry, document};
pub use seeded_rng::SeededRng;
pub use slots::FakeSlots;
pub use topic::FakeTopic;

/// AWS's time at the start of a simulation.
pub const EPOCH: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// The services that all workers share.
#[derive(Debug)]
pub struct FakeServices {
    started_at: Instant,
    pub triggers: FakeQueue,
    pub events: FakeQueue,
    pub ledger: Mutex<FakeLedger>,
    pub orders: Mutex<FakeOrders>,
    pub hours: Mutex<FakeHours>,
    pub slots: Mutex<FakeSlots>,
    pub provider: Mutex<FakeProvider>,
    pub forge: Mutex<FakeForge>,
    pub topic: Mutex<FakeTopic>,
    pub registry: Mutex<FakeRegistry>,
    /// Violated invariants. A simulation that has any has failed.
    pub violations: Mutex<Vec<String>>,
    /// A job that panics or kills each worker that processes it.
    pub poison: Mutex<Option<(JobKey, Poison)>>,
    /// Whether the workers have a trusted time.
    pub is_time_known: std::sync::atomic::AtomicBool,
}

impl FakeServices {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            started_at: Instant::now(),
            triggers: FakeQueue::default(),
            events: FakeQueue::default(),
            ledger: Mutex::new(FakeLedger::new()),
            orders: Mutex::default(),
            hours: Mutex::default(),
            slots: Mutex::default(),
            provider: Mutex::default(),
            forge: Mutex::default(),
            topic: Mutex::default(),
            registry: Mutex::default(),
            violations: Mutex::default(),
            poison: Mutex::default(),
            is_time_known: true.into(),
        })
    }

    pub fn now(&self) -> Timestamp {
        EPOCH + self.started_at.elapsed()
    }

    pub fn record_violation(&self, what: String) {
        lock(&self.violations).push(what);
    }
}

/// What a poisoned job does to its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poison {
    Panic,
    Kill,
}

/// Locks; a test that panicked while it held the lock has failed already.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One process's view of the services.
#[derive(Debug, Clone)]
pub struct SimulatedWorker {
    pub services: Arc<FakeServices>,
    pub process: Arc<SimulatedProcess>,
}

impl SimulatedWorker {
    /// Panics or kills the worker if the job is the poisoned one.
    pub async fn trigger_poison(&self, matches: impl FnOnce(&JobKey) -> bool) {
        let poison = lock(&self.services.poison).clone();
        match poison.filter(|(key, _)| matches(key)) {
            Some((key, Poison::Panic)) => panic!("{key} is poisoned"),
            Some((_, Poison::Kill)) => {
                self.process.kill();
                self.process.wait_alive().await;
            }
            None => {}
        }
    }
}

impl ports::Ports for SimulatedWorker {
    type Clock = Self;
    type ProjectRegistry = Self;
    type JobLedger = Self;
    type OrderLedger = Self;
    type BuildProvider = Self;
    type StatusReporter = Self;
    type DoneEventPublisher = Self;
    type RefResolver = Self;
    type SecretStore = Self;

    fn clock(&self) -> &Self {
        self
    }
    fn registry(&self) -> &Self {
        self
    }
    fn ledger(&self) -> &Self {
        self
    }
    fn order_ledger(&self) -> &Self {
        self
    }
    fn provider(&self) -> &Self {
        self
    }
    fn reporter(&self) -> &Self {
        self
    }
    fn done_events(&self) -> &Self {
        self
    }
    fn resolver(&self) -> &Self {
        self
    }
    fn secrets(&self) -> &Self {
        self
    }
}

impl ports::Clock for SimulatedWorker {
    fn now(&self) -> Option<Timestamp> {
        let now = self.process.skew(self.services.now());
        self.services.is_time_known.load(std::sync::atomic::Ordering::Relaxed).then_some(now)
    }
}
