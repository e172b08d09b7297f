//! Runs `next()` and acquires the permits that its effects need.
//!
//! Without a permit the decision is made again: the row waits instead.

use std::sync::Arc;
use std::time::Duration;

use doorbell_messages::JobKey;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::domain::{
    Admission, Decision, DecisionContext, Effect, JobConfig, Observation, Phase, Row, StartOutcome, next,
};
use crate::job_tasks::CapacityPermit;
use crate::limiter::{ConcurrencyLimiter, LimiterConfig, Permit};
use crate::ports::Clock;
use crate::running_builds::RunningBuilds;

/// A throttled StartBuild is certain, and costs a call: one trips the limit.
const BUILD_LIMITER: LimiterConfig = LimiterConfig {
    initial_limit: 8,
    max_limit: 100,
    trip_after: 1,
    initial_cooldown: Duration::from_secs(1),
    max_cooldown: Duration::from_secs(5 * 60),
    kept_windows: 16,
};

/// A forge may fail now and then without being down.
///
/// A forge that hangs can occupy at most `max_limit` in-flight jobs, and one once its limit trips. The rest stay
/// available to other forges. Only a forge that answers fast is called so often at once: at 100 ms that is 640 reports a
/// second.
const FORGE_LIMITER: LimiterConfig = LimiterConfig {
    initial_limit: 8,
    max_limit: 64,
    trip_after: 4,
    initial_cooldown: Duration::from_secs(2),
    max_cooldown: Duration::from_secs(5 * 60),
    // Fewer than of starts: one forge that drips must leave capacity to the others.
    kept_windows: 4,
};

/// The longest that a waiting job keeps its capacity, which others may need.
const KEPT_CAPACITY_TIME: Duration = Duration::from_millis(500);

/// A topic may fail now and then, as a forge may. It is one destination for all jobs.
const TOPIC_LIMITER: LimiterConfig = LimiterConfig { max_limit: 32, ..FORGE_LIMITER };
const TOPIC: &str = "topic of done events";

/// Permits that a decision holds for its effects.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    pub(crate) start: Option<Permit>,
    pub(crate) forge: Option<Permit>,
    pub(crate) topic: Option<Permit>,
}

/// The limits at which a row waits, once it is written.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    build_group: Option<String>,
    forge: Option<String>,
    topic: bool,
}

/// A decision with the permits that its effects need.
#[derive(Debug)]
pub(crate) struct PermittedDecision {
    pub(crate) decision: Decision,
    pub(crate) permits: Permits,
    pub(crate) waiters: Waiters,
}

/// Decides under the limits of this worker.
#[derive(Debug)]
pub(crate) struct AdmissionController<C> {
    clock: C,
    jobs: JobConfig,
    /// Start calls, by concurrency group.
    pub(crate) build_limiter: Arc<ConcurrencyLimiter>,
    /// Calls to forges, lookups as well as reports, by destination.
    pub(crate) forge_limiter: Arc<ConcurrencyLimiter>,
    /// Done events.
    pub(crate) topic_limiter: Arc<ConcurrencyLimiter>,
    /// A slot was freed for which no job waits in this worker.
    pub(crate) slot_freed: Notify,
    /// The builds that hold slots, as far as this worker knows.
    pub(crate) running_builds: RunningBuilds,
    /// A job waits for a slot, or the first build holds one.
    pub(crate) builds_changed: Notify,
}

impl<C: Clock> AdmissionController<C> {
    pub(crate) fn new(clock: C, jobs: JobConfig) -> Self {
        Self {
            clock,
            jobs,
            build_limiter: ConcurrencyLimiter::new(BUILD_LIMITER),
            forge_limiter: ConcurrencyLimiter::new(FORGE_LIMITER),
            topic_limiter: ConcurrencyLimiter::new(TOPIC_LIMITER),
            slot_freed: Notify::new(),
            running_builds: RunningBuilds::default(),
            builds_changed: Notify::new(),
        }
    }

    /// Decides as if all permits were granted, and again for each that is not. `None` without a trusted time.
    ///
    /// Only the decision says which permits a row needs. It takes `permit`, which the row was granted, where it fits.
    pub(crate) fn decide(
        &self,
        row: &Row,
        observation: &Observation,
        permit: &mut Option<Permit>,
    ) -> Option<PermittedDecision> {
        let Some(now) = self.clock.now() else {
            tracing::warn!("no trusted AWS time yet; deferring decision");
            return None;
        };
        let mut context = DecisionContext {
            now,
            slot_available: true,
            forge_admission: Admission::Granted,
            topic_admission: Admission::Granted,
        };
        let (mut permits, mut waiters) = (Permits::default(), Waiters::default());
        loop {
            let decision = next(row.clone(), observation.clone(), context, &self.jobs);
            if context.slot_available
                && permits.start.is_none()
                && let Some(build_group) = build_group_needed(&decision)
            {
                match take_permit(&self.build_limiter, permit, &build_group) {
                    Ok(granted) => permits.start = Some(granted),
                    Err(_) => {
                        context.slot_available = false;
                        waiters.build_group = Some(build_group);
                        continue;
                    }
                }
            }
            if context.forge_admission == Admission::Granted
                && permits.forge.is_none()
                && let Some(forge) = forge_needed(&decision)
            {
                match take_permit(&self.forge_limiter, permit, &forge) {
                    Ok(granted) => permits.forge = Some(granted),
                    Err(admission) => {
                        context.forge_admission = admission;
                        waiters.forge = Some(forge);
                        continue;
                    }
                }
            }
            if context.topic_admission == Admission::Granted && permits.topic.is_none() && topic_needed(&decision) {
                match take_permit(&self.topic_limiter, permit, TOPIC) {
                    Ok(granted) => permits.topic = Some(granted),
                    Err(admission) => {
                        context.topic_admission = admission;
                        waiters.topic = true;
                        continue;
                    }
                }
            }
            if is_refused_for_now(observation) {
                waiters.build_group = waiters.build_group.or_else(|| build_group_of(&decision.row));
            }
            return Some(PermittedDecision { decision, permits, waiters });
        }
    }

    /// Queues a row that was written. The dispatcher picks it up when a permit is free; its due time covers a crash.
    pub(crate) fn enqueue_waiters(&self, row: &Row, waiters: Waiters) {
        let project = &row.request.project;
        if let Some(build_group) = waiters.build_group.filter(|_| matches!(row.phase, Phase::Accepted { .. })) {
            let is_first = !self.build_limiter.has_waiters();
            self.build_limiter.enqueue(&build_group, project, row.received_at, &row.key);
            if is_first {
                self.builds_changed.notify_one();
            }
        }
        if let Some(forge) = waiters.forge {
            self.forge_limiter.enqueue(&forge, project, row.received_at, &row.key);
        }
        if waiters.topic {
            self.topic_limiter.enqueue(TOPIC, project, row.received_at, &row.key);
        }
    }

    /// Frees a job's capacity after its work; a little later if it waits for a call that can be made soon.
    ///
    /// More jobs than can be called for soon are better left in their queue: the insert of one that comes later is its
    /// claim, and saves a write. A destination that does not answer holds up the jobs of others no longer than that.
    pub(crate) async fn free_capacity(&self, key: &JobKey, capacity: Option<CapacityPermit>) {
        let Some(mut capacity) = capacity else { return };
        for limiter in [&self.build_limiter, &self.forge_limiter, &self.topic_limiter] {
            match limiter.keep_capacity(key, capacity) {
                Some(not_kept) => capacity = not_kept,
                None => {
                    tokio::time::sleep(KEPT_CAPACITY_TIME).await;
                    return limiter.free_capacity(key);
                }
            }
        }
    }

    /// When the next running build is to be described; `None` while no job waits for a slot.
    pub(crate) fn next_build_poll(&self) -> Option<Instant> {
        if self.build_limiter.has_waiters() { self.running_builds.next_poll() } else { None }
    }

    /// Notes the build of a row that was just written, and frees its slot when the row says that it ended.
    pub(crate) fn note_build(&self, before: &Row, after: &Row) {
        if self.running_builds.note(after) {
            self.builds_changed.notify_one();
        }
        let has_ended = matches!(after.phase, Phase::Finished { build: Some(_), .. });
        if let Some(build_group) = build_group_of(before).filter(|_| has_ended)
            && self.build_limiter.release_slot(&build_group)
        {
            self.slot_freed.notify_one();
        }
    }
}

/// Whether a start waits for the provider: the job takes a place among those that do.
fn is_refused_for_now(observation: &Observation) -> bool {
    let Observation::StartAttempted { outcome, .. } = observation else { return false };
    matches!(outcome, StartOutcome::Limited(_) | StartOutcome::Throttled(_))
}

/// The concurrency group of a row that has a launch: its build project.
pub(crate) fn build_group_of(row: &Row) -> Option<String> {
    row.launch().map(|launch| launch.target.to_string())
}

fn take_permit(
    limiter: &Arc<ConcurrencyLimiter>,
    permit: &mut Option<Permit>,
    destination: &str,
) -> Result<Permit, Admission> {
    match permit.take_if(|permit| permit.is_for(limiter, destination)) {
        Some(permit) => Ok(permit),
        None => limiter.try_acquire(destination),
    }
}

fn build_group_needed(decision: &Decision) -> Option<String> {
    decision.effects.iter().find_map(|effect| match effect {
        Effect::StartBuild { spec, .. } => Some(spec.target.to_string()),
        _ => None,
    })
}

fn topic_needed(decision: &Decision) -> bool {
    decision.effects.iter().any(|effect| matches!(effect, Effect::PublishDoneEvent { .. }))
}

fn forge_needed(decision: &Decision) -> Option<String> {
    decision.effects.iter().find_map(|effect| match effect {
        Effect::ReportStatus { target, .. } => Some(target.to.url.destination()),
        Effect::ResolveRef { repository, .. } => Some(repository.url.destination()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
