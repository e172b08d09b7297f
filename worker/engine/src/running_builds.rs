//! The builds whose start this worker has seen, to find out which of them ended without an event.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorbell_messages::{BuildId, JobKey};
use tokio::time::Instant;

use crate::domain::{Phase, Row};

/// Part of a build's usual duration after which it is described again.
const POLL_PART: u32 = 10;

/// Bounds of that time.
pub(crate) const MIN_POLL_INTERVAL: Duration = Duration::from_millis(200);
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Builds that are known at once. Of more the oldest are forgotten: the sweep polls them all the same.
const MAX_BUILDS: usize = 1_000;

/// The latest durations of one build project, of which the median counts.
const MAX_DURATIONS: usize = 15;

/// Running builds of this worker, by id.
#[derive(Debug, Default)]
pub(crate) struct RunningBuilds(Mutex<BuildsState>);

#[derive(Debug, Default)]
struct BuildsState {
    builds: BTreeMap<BuildId, RunningBuild>,
    durations: HashMap<String, VecDeque<Duration>>,
}

#[derive(Debug)]
struct RunningBuild {
    job: JobKey,
    build_group: String,
    since: Instant,
    poll_at: Instant,
}

impl RunningBuilds {
    /// Notes what a row that was just written says of its build. True if it is the first one that runs.
    pub(crate) fn note(&self, row: &Row) -> bool {
        let (mut state, now) = (self.state(), Instant::now());
        let was_empty = state.builds.is_empty();
        match &row.phase {
            Phase::Running { build, launch, .. } => state.add(&build.id, row, launch.target.to_string(), now),
            Phase::Finished { build: Some(build), .. } => state.end(&build.id, now),
            _ => {}
        }
        was_empty && !state.builds.is_empty()
    }

    /// Forgets a build that the provider does not know.
    pub(crate) fn forget(&self, id: &BuildId) {
        self.state().builds.remove(id);
    }

    /// When the next build is to be described; `None` without running builds.
    pub(crate) fn next_poll(&self) -> Option<Instant> {
        self.state().builds.values().map(|build| build.poll_at).min()
    }

    /// The builds that are to be described now, at most `count`, with their jobs.
    pub(crate) fn take_due(&self, count: usize) -> Vec<(BuildId, JobKey)> {
        let now = Instant::now();
        let mut state = self.state();
        let BuildsState { builds, durations } = &mut *state;
        let due = builds.iter_mut().filter(|(_, build)| build.poll_at <= now).take(count);
        due.map(|(id, build)| {
            build.poll_at = now + poll_interval(build, durations, now);
            (id.clone(), build.job.clone())
        })
        .collect()
    }

    fn state(&self) -> MutexGuard<'_, BuildsState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BuildsState {
    fn add(&mut self, id: &BuildId, row: &Row, build_group: String, now: Instant) {
        if self.builds.contains_key(id) {
            return;
        }
        if self.builds.len() >= MAX_BUILDS {
            let oldest = self.builds.iter().min_by_key(|(_, build)| build.since).map(|(id, _)| id.clone());
            oldest.map(|id| self.builds.remove(&id));
        }
        let mut build = RunningBuild { job: row.key.clone(), build_group, since: now, poll_at: now };
        build.poll_at = now + poll_interval(&build, &self.durations, now);
        self.builds.insert(id.clone(), build);
    }

    fn end(&mut self, id: &BuildId, now: Instant) {
        let Some(build) = self.builds.remove(id) else { return };
        let durations = self.durations.entry(build.build_group).or_default();
        if durations.len() >= MAX_DURATIONS {
            durations.pop_front();
        }
        durations.push_back(now - build.since);
    }
}

/// A tenth of the median duration, or of the time that the build has run, as long as none is known.
fn poll_interval(build: &RunningBuild, durations: &HashMap<String, VecDeque<Duration>>, now: Instant) -> Duration {
    let usual = durations.get(&build.build_group).and_then(median).unwrap_or(now - build.since);
    (usual / POLL_PART).clamp(MIN_POLL_INTERVAL, MAX_POLL_INTERVAL)
}

fn median(durations: &VecDeque<Duration>) -> Option<Duration> {
    let mut sorted: Vec<Duration> = durations.iter().copied().collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stubs::{finished_row, row, running_row};

    async fn run_for(builds: &RunningBuilds, number: u32, time: Duration) {
        assert!(builds.note(&running_row(number)));
        tokio::time::advance(time).await;
        builds.note(&finished_row(number));
    }

    #[tokio::test(start_paused = true)]
    async fn builds_are_due_after_a_tenth_of_their_median_duration() {
        let builds = RunningBuilds::default();
        assert_eq!(builds.next_poll(), None);
        for (number, seconds) in [(1, 20), (2, 1000), (3, 30)] {
            run_for(&builds, number, Duration::from_secs(seconds)).await;
        }
        builds.note(&running_row(4));
        assert_eq!(builds.next_poll(), Some(Instant::now() + Duration::from_secs(3)));
        assert!(builds.take_due(100).is_empty());
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(builds.take_due(100).into_iter().map(|(_, job)| job).collect::<Vec<_>>(), [row(4).key]);
        assert_eq!(builds.next_poll(), Some(Instant::now() + Duration::from_secs(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn interval_has_bounds_and_grows_with_an_unknown_duration() {
        let builds = RunningBuilds::default();
        builds.note(&running_row(1));
        assert_eq!(builds.next_poll(), Some(Instant::now() + MIN_POLL_INTERVAL));
        for (age, interval) in [(10, Duration::from_secs(1)), (500, MAX_POLL_INTERVAL)] {
            tokio::time::advance(Duration::from_secs(age)).await;
            assert_eq!(builds.take_due(100).len(), 1);
            assert_eq!(builds.next_poll(), Some(Instant::now() + interval));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn builds_are_kept_in_bounded_memory() {
        let builds = RunningBuilds::default();
        for number in 0..2_000 {
            builds.note(&running_row(number));
        }
        tokio::time::advance(MIN_POLL_INTERVAL).await;
        assert_eq!(builds.take_due(usize::MAX).len(), MAX_BUILDS);
        assert_eq!(builds.take_due(usize::MAX).len(), 0);
    }
}
