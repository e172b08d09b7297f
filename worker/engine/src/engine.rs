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

use crate::domain::{JobConfig, Observation};
use crate::limiter::{ConcurrencyLimiter, LimiterConfig};
use crate::liveness::{Liveness, LoopKind};
use crate::policy_cache::PolicyCache;
use crate::ports::{MessageQueue, Ports};
use crate::token_cache::TokenCache;

/// A refusal of StartBuild is certain, and costs a call: one closes the pool.
const BUILD_LIMITER: LimiterConfig = LimiterConfig {
    initial_limit: 5,
    max_limit: 100,
    trip_after: 1,
    initial_cooldown: Duration::from_secs(1),
    max_cooldown: Duration::from_secs(5 * 60),
};

/// A forge may fail once in a while without being down. One that hangs holds this many of the jobs in hand, and soon
/// but one: the others' forges have the rest.
const REPORT_LIMITER: LimiterConfig = LimiterConfig {
    initial_limit: 4,
    max_limit: 16,
    trip_after: 4,
    initial_cooldown: Duration::from_secs(2),
    max_cooldown: Duration::from_secs(5 * 60),
};

/// What a worker is told at its start.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The rules that rows follow.
    pub jobs: JobConfig,
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
pub struct Engine<P> {
    pub(crate) ports: P,
    pub(crate) config: EngineConfig,
    pub(crate) policies: PolicyCache,
    pub(crate) tokens: TokenCache,
    /// StartBuild, by build project.
    pub(crate) build_limiter: Arc<ConcurrencyLimiter>,
    /// Tellings, by forge.
    pub(crate) report_limiter: Arc<ConcurrencyLimiter>,
    /// A place fell free that no job waits for here.
    pub(crate) slot_freed: Notify,
    pub(crate) capacity: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    liveness: Arc<Liveness>,
    in_flight: Mutex<HashSet<JobKey>>,
    writes: AtomicU64,
    /// When this process began to work.
    pub(crate) started_at: Instant,
}

impl<P: Ports> Engine<P> {
    /// A worker that does nothing yet.
    pub fn new(ports: P, config: EngineConfig) -> Arc<Self> {
        Arc::new(Self {
            ports,
            policies: PolicyCache::new(config.fallback_build_project.clone()),
            tokens: TokenCache::new(),
            build_limiter: ConcurrencyLimiter::new(BUILD_LIMITER),
            report_limiter: ConcurrencyLimiter::new(REPORT_LIMITER),
            slot_freed: Notify::new(),
            capacity: Arc::new(Semaphore::new(config.max_in_flight)),
            tasks: TaskTracker::new(),
            liveness: Arc::new(Liveness::default()),
            in_flight: Mutex::default(),
            writes: AtomicU64::new(0),
            started_at: Instant::now(),
            config,
        })
    }

    /// When its loops last succeeded.
    pub fn liveness(&self) -> &Arc<Liveness> {
        &self.liveness
    }

    /// Works until `stop_build`: then it asks for nothing new, finishes what it has in hand and returns. Whoever can't wait so
    /// long may drop it: every row that it leaves carries the time at which another worker takes over.
    pub async fn run(self: Arc<Self>, triggers: impl MessageQueue, events: impl MessageQueue, stop: CancellationToken) {
        futures_util::join!(
            Arc::clone(&self).receive(
                LoopKind::Triggers,
                triggers,
                stop.clone(),
                |engine, queue, batch, room| async move {
                    engine.handle_requests(&*queue, batch, room).await;
                }
            ),
            Arc::clone(&self).receive(
                LoopKind::Events,
                events,
                stop.clone(),
                |engine, queue, batch, room| async move {
                    engine.handle_events(&*queue, batch, room).await;
                }
            ),
            Arc::clone(&self).sweep(stop.clone()),
            Arc::clone(&self).dispatch_ready_jobs(
                Arc::clone(&self.build_limiter),
                Observation::SlotGranted,
                stop.clone()
            ),
            Arc::clone(&self).dispatch_ready_jobs(Arc::clone(&self.report_limiter), Observation::Due, stop.clone()),
            Arc::clone(&self).steal_waiting_jobs(stop),
        );
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// A signature for one write.
    pub(crate) fn signature(&self) -> String {
        format!("{}-{}", self.config.instance, self.writes.fetch_add(1, Ordering::Relaxed))
    }

    /// Marks a job as being worked on here, so that the sweep, which is the only one to ask, passes it by.
    pub(crate) fn mark_in_flight(&self, key: &JobKey) -> InFlightJob<'_, P> {
        let is_mine = self.in_flight().insert(key.clone());
        InFlightJob { engine: self, key: is_mine.then(|| key.clone()) }
    }

    pub(crate) fn is_in_flight(&self, key: &JobKey) -> bool {
        self.in_flight().contains(key)
    }

    fn in_flight(&self) -> std::sync::MutexGuard<'_, HashSet<JobKey>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends with its drop, a panic's included.
pub(crate) struct InFlightJob<'a, P: Ports> {
    engine: &'a Engine<P>,
    key: Option<JobKey>,
}

impl<P: Ports> Drop for InFlightJob<'_, P> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.engine.in_flight().remove(key);
        }
    }
}
