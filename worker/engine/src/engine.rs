use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use doorbell_messages::JobKey;
use doorbell_registry::BuildProjectName;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::{Rules, Seen};
use crate::lines::{Limits, Lines};
use crate::ports::{Deliveries, World};
use crate::pulse::{Part, Pulse};
use crate::registry::Registry;
use crate::tokens::Tokens;

/// A refusal of StartBuild is certain, and costs a call: one closes the pool.
const POOLS: Limits = Limits {
    first_width: 5,
    most_width: 100,
    refusals: 1,
    first_pause: Duration::from_secs(1),
    most_pause: Duration::from_secs(5 * 60),
};

/// A forge may fail once in a while without being down. One that hangs holds this many of the jobs in hand, and soon
/// but one: the others' forges have the rest.
const FORGES: Limits = Limits {
    first_width: 4,
    most_width: 16,
    refusals: 4,
    first_pause: Duration::from_secs(2),
    most_pause: Duration::from_secs(5 * 60),
};

/// What a worker is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The rules that rows follow.
    pub rules: Rules,
    /// The topic whose messages are requests; those of another one are refused.
    pub topic_arn: String,
    /// The build project of documents that name none.
    pub fallback_build_project: Option<BuildProjectName>,
    /// Jobs in hand at once.
    pub max_in_flight: usize,
    /// Time between two sweeps.
    pub sweep_interval: Duration,
    /// A name for this process, unlike any other's: it signs the rows that it writes.
    pub instance: String,
}

/// One worker: the loops over the ports, and what they share.
#[derive(Debug)]
pub struct Engine<W> {
    pub(crate) world: W,
    pub(crate) settings: Settings,
    pub(crate) registry: Registry,
    pub(crate) tokens: Tokens,
    /// StartBuild, by build project.
    pub(crate) pools: Arc<Lines>,
    /// Tellings, by forge.
    pub(crate) forges: Arc<Lines>,
    /// A place fell free that no job waits for here.
    pub(crate) scarce: Notify,
    pub(crate) room: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    pulse: Arc<Pulse>,
    in_hand: Mutex<HashSet<JobKey>>,
    writes: AtomicU64,
    /// When this process began to work.
    pub(crate) born: Instant,
}

impl<W: World> Engine<W> {
    /// A worker that does nothing yet.
    pub fn new(world: W, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            world,
            registry: Registry::new(settings.fallback_build_project.clone()),
            tokens: Tokens::new(),
            pools: Lines::new(POOLS),
            forges: Lines::new(FORGES),
            scarce: Notify::new(),
            room: Arc::new(Semaphore::new(settings.max_in_flight)),
            tasks: TaskTracker::new(),
            pulse: Arc::new(Pulse::default()),
            in_hand: Mutex::default(),
            writes: AtomicU64::new(0),
            born: Instant::now(),
            settings,
        })
    }

    /// When its loops last succeeded.
    pub fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    /// Works until `stop`: then it asks for nothing new, finishes what it has in hand and returns. Whoever can't wait so
    /// long may drop it: every row that it leaves carries the time at which another worker takes over.
    pub async fn run(self: Arc<Self>, triggers: impl Deliveries, events: impl Deliveries, stop: CancellationToken) {
        futures_util::join!(
            Arc::clone(&self).receive(
                Part::Triggers,
                triggers,
                stop.clone(),
                |engine, queue, batch, room| async move {
                    engine.take_requests(&*queue, batch, room).await;
                }
            ),
            Arc::clone(&self).receive(Part::Events, events, stop.clone(), |engine, queue, batch, room| async move {
                engine.take_events(&*queue, batch, room).await;
            }),
            Arc::clone(&self).sweep(stop.clone()),
            Arc::clone(&self).call_by_turns(Arc::clone(&self.pools), Seen::Turn, stop.clone()),
            Arc::clone(&self).call_by_turns(Arc::clone(&self.forges), Seen::Woken, stop.clone()),
            Arc::clone(&self).look_for_waiting_jobs(stop),
        );
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// A signature for one write.
    pub(crate) fn signature(&self) -> String {
        format!("{}-{}", self.settings.instance, self.writes.fetch_add(1, Ordering::Relaxed))
    }

    /// Marks a job as being worked on here, so that the sweep, which is the only one to ask, passes it by.
    pub(crate) fn take_in_hand(&self, key: &JobKey) -> InHand<'_, W> {
        let is_mine = self.hands().insert(key.clone());
        InHand { engine: self, key: is_mine.then(|| key.clone()) }
    }

    pub(crate) fn is_in_hand(&self, key: &JobKey) -> bool {
        self.hands().contains(key)
    }

    fn hands(&self) -> std::sync::MutexGuard<'_, HashSet<JobKey>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends with its drop, a panic's included.
pub(crate) struct InHand<'a, W: World> {
    engine: &'a Engine<W>,
    key: Option<JobKey>,
}

impl<W: World> Drop for InHand<'_, W> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.engine.hands().remove(key);
        }
    }
}
