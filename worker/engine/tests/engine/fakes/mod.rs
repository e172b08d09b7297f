//! A world without AWS for the engine: every port over shared state in memory, in tokio's time.
//!
//! [`Shared`] is what exists once (the queues, the ledger, the provider, the forge). A [`Worker`] is one process's
//! view of it and implements the ports; all its calls pass its [`Process`], where they can be failed, lost, delayed,
//! held or killed.

mod builds;
mod dice;
mod faults;
mod forge;
mod ledger;
mod queue;
mod registry;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorbell_engine::domain::Timestamp;
use doorbell_engine::ports;
use doorbell_messages::JobKey;
use tokio::time::Instant;

pub use builds::{Account, event};
pub use dice::Dice;
pub use faults::{Call, Effect, Moment, Process, Weather};
pub use forge::{Flag, Mood, Pagure};
pub use ledger::Table;
pub use queue::{Queue, QueueOf, Which};
pub use registry::{Parameters, document};

/// AWS's time when a world begins.
pub const EPOCH: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// What exists once, whoever works.
#[derive(Debug)]
pub struct Shared {
    began: Instant,
    pub triggers: Queue,
    pub events: Queue,
    pub table: Mutex<Table>,
    pub account: Mutex<Account>,
    pub pagure: Mutex<Pagure>,
    pub parameters: Mutex<Parameters>,
    /// What no history may do, in words; a world that ends with some has failed.
    pub violations: Mutex<Vec<String>>,
    /// A job whose start makes its worker panic, or die, whenever it is tried.
    pub poison: Mutex<Option<(JobKey, Poison)>>,
    /// Whether AWS has said what time it is.
    pub is_time_known: std::sync::atomic::AtomicBool,
}

impl Shared {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            triggers: Queue::default(),
            events: Queue::default(),
            table: Mutex::new(Table::new()),
            account: Mutex::default(),
            pagure: Mutex::default(),
            parameters: Mutex::default(),
            violations: Mutex::default(),
            poison: Mutex::default(),
            is_time_known: true.into(),
        })
    }

    pub fn now(&self) -> Timestamp {
        EPOCH + self.began.elapsed()
    }

    pub fn violation(&self, what: String) {
        locked(&self.violations).push(what);
    }
}

/// What a worker does of a job that it can't bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poison {
    Panic,
    Death,
}

/// A test that has panicked with a lock in its hands has failed already.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One process's view of the world.
#[derive(Debug, Clone)]
pub struct Worker {
    pub shared: Arc<Shared>,
    pub process: Arc<Process>,
}

impl Worker {
    /// Touches a job; the one that is poisoned does its work.
    pub async fn touch(&self, is_it: impl FnOnce(&JobKey) -> bool) {
        let poison = locked(&self.shared.poison).clone();
        match poison.filter(|(key, _)| is_it(key)) {
            Some((key, Poison::Panic)) => panic!("{key} is poisoned"),
            Some((_, Poison::Death)) => {
                self.process.kill();
                self.process.lives().await;
            }
            None => {}
        }
    }
}

impl ports::World for Worker {
    type Clock = Self;
    type Projects = Self;
    type Ledger = Self;
    type Builds = Self;
    type Forge = Self;
    type Secrets = Self;

    fn clock(&self) -> &Self {
        self
    }
    fn projects(&self) -> &Self {
        self
    }
    fn ledger(&self) -> &Self {
        self
    }
    fn builds(&self) -> &Self {
        self
    }
    fn forge(&self) -> &Self {
        self
    }
    fn secrets(&self) -> &Self {
        self
    }
}

impl ports::Clock for Worker {
    fn now(&self) -> Option<Timestamp> {
        let now = self.process.skewed(self.shared.now());
        self.shared.is_time_known.load(std::sync::atomic::Ordering::Relaxed).then_some(now)
    }
}
