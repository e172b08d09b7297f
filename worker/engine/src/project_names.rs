//! What a worker knows of the registry's names, and the jobs that wait for one of them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use doorbell_messages::{JobKey, ProjectName};
use tokio::time::Instant;

use crate::domain::Timestamp;

/// Jobs and names that wait in memory. Those beyond it wait for their due times alone.
const MAX_WAITING: usize = 10_000;

/// Reads that must not find a project before it counts as not registered.
const READS_UNTIL_ABSENT: u32 = 2;

/// How long "no such project" is remembered. A person who has just registered a project waits no longer.
const ABSENT_TTL: Duration = Duration::from_secs(5);

/// The names in the registry, as far as passes, single reads and the stored list show them.
#[derive(Debug, Default)]
pub(crate) struct ProjectNames {
    /// Registered names, and when each became known.
    known: HashMap<ProjectName, Instant>,
    /// Names that are not known, in the order of their next single read.
    unknown: HashMap<ProjectName, UnknownName>,
    read_order: VecDeque<ProjectName>,
    /// Names that were found absent, and until when that is remembered.
    absent: HashMap<ProjectName, Instant>,
    waiting_jobs: usize,
    /// When the last pass that has ended began, by the trusted time.
    last_pass: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct UnknownName {
    missed_reads: u32,
    /// Each with the time at which it was received.
    jobs: Vec<(JobKey, Timestamp)>,
}

/// What is known of a name without a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameState {
    Known,
    Unknown,
    Absent,
}

impl ProjectNames {
    /// The state of a name for a job that was received at this time.
    pub(crate) fn state(&self, name: &ProjectName, received_at: Timestamp) -> NameState {
        if self.known.contains_key(name) {
            return NameState::Known;
        }
        let is_remembered = self.absent.get(name).is_some_and(|until| Instant::now() < *until);
        let is_in_no_later_pass = self.last_pass.is_some_and(|began| began > received_at);
        if is_remembered || is_in_no_later_pass { NameState::Absent } else { NameState::Unknown }
    }

    pub(crate) fn is_known(&self, name: &ProjectName) -> bool {
        self.known.contains_key(name)
    }

    /// Notes that a job waits for a name that is not known.
    pub(crate) fn wait_for(&mut self, name: &ProjectName, key: &JobKey, received_at: Timestamp) {
        if self.waiting_jobs >= MAX_WAITING {
            return;
        }
        let unknown = self.unknown.entry(name.clone()).or_insert_with(|| {
            self.read_order.push_back(name.clone());
            UnknownName::default()
        });
        if !unknown.jobs.iter().any(|(waiting, _)| waiting == key) {
            unknown.jobs.push((key.clone(), received_at));
            self.waiting_jobs += 1;
        }
    }

    /// Adds registered names. Returns those for which jobs wait, with these jobs.
    pub(crate) fn add_known(
        &mut self,
        names: impl IntoIterator<Item = ProjectName>,
    ) -> Vec<(ProjectName, Vec<JobKey>)> {
        let mut found = Vec::new();
        for name in names {
            self.known.entry(name.clone()).or_insert_with(Instant::now);
            self.absent.remove(&name);
            let jobs = self.take_jobs(&name);
            if !jobs.is_empty() {
                found.push((name, jobs));
            }
        }
        found
    }

    /// A document that was known is gone.
    pub(crate) fn forget(&mut self, name: &ProjectName) {
        self.known.remove(name);
    }

    /// The registered names, sorted.
    pub(crate) fn known(&self) -> Vec<ProjectName> {
        let mut names: Vec<ProjectName> = self.known.keys().cloned().collect();
        names.sort();
        names
    }

    /// Ends a pass that found these names. Returns the jobs whose projects are not registered.
    ///
    /// A name that became known while the pass went on may stand on a page that it had read before. A job that was
    /// received after the pass began is still undecided: a single read or the next pass decides it.
    pub(crate) fn end_pass(
        &mut self,
        began: Timestamp,
        began_at: Instant,
        found: &HashSet<ProjectName>,
    ) -> Vec<JobKey> {
        self.known.retain(|name, known_since| found.contains(name) || *known_since > began_at);
        self.last_pass = Some(began);
        let mut decided = Vec::new();
        self.unknown.retain(|_, unknown| {
            let (before, after) = unknown.jobs.drain(..).partition(|(_, received_at)| *received_at < began);
            unknown.jobs = after;
            decided.extend(before.into_iter().map(|(key, _): (JobKey, Timestamp)| key));
            !unknown.jobs.is_empty()
        });
        self.waiting_jobs -= decided.len();
        decided
    }

    /// The next name that a single read is for.
    pub(crate) fn next_to_read(&mut self) -> Option<ProjectName> {
        while let Some(name) = self.read_order.pop_front() {
            if self.unknown.contains_key(&name) {
                return Some(name);
            }
        }
        None
    }

    /// Notes a single read that did not find the name. Returns the jobs that this decides.
    pub(crate) fn note_missed(&mut self, name: &ProjectName) -> Vec<JobKey> {
        let Some(unknown) = self.unknown.get_mut(name) else { return Vec::new() };
        unknown.missed_reads += 1;
        if unknown.missed_reads < READS_UNTIL_ABSENT {
            // Next, and not last: a flood of other names must not come between the two reads.
            self.read_order.push_front(name.clone());
            return Vec::new();
        }
        self.remember_absent(name);
        self.take_jobs(name)
    }

    /// Lets a failed single read be tried again, after those of other names.
    pub(crate) fn retry_read(&mut self, name: ProjectName) {
        self.read_order.push_back(name);
    }

    fn remember_absent(&mut self, name: &ProjectName) {
        let now = Instant::now();
        if self.absent.len() >= MAX_WAITING {
            self.absent.retain(|_, until| now < *until);
        }
        self.absent.insert(name.clone(), now + ABSENT_TTL);
    }

    fn take_jobs(&mut self, name: &ProjectName) -> Vec<JobKey> {
        let jobs = self.unknown.remove(name).map(|unknown| unknown.jobs).unwrap_or_default();
        self.waiting_jobs -= jobs.len();
        jobs.into_iter().map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stubs::{NOW, row};

    fn name(text: &str) -> ProjectName {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn name_is_absent_after_a_later_pass_or_two_reads() {
        let mut names = ProjectNames::default();
        assert_eq!(names.state(&name("a"), NOW), NameState::Unknown);
        names.wait_for(&name("a"), &row(1).key, NOW);
        assert_eq!(names.next_to_read(), Some(name("a")));
        assert!(names.note_missed(&name("a")).is_empty(), "one read does not decide");
        assert_eq!(names.next_to_read(), Some(name("a")));
        assert_eq!(names.note_missed(&name("a")), [row(1).key]);
        assert_eq!(names.state(&name("a"), NOW), NameState::Absent);
        tokio::time::advance(ABSENT_TTL).await;
        assert_eq!(names.state(&name("a"), NOW), NameState::Unknown);
        names.wait_for(&name("a"), &row(1).key, NOW);
        names.wait_for(&name("a"), &row(2).key, NOW - Duration::from_millis(1));
        assert_eq!(names.end_pass(NOW, Instant::now(), &HashSet::new()), [row(2).key]);
        assert_eq!(names.state(&name("a"), NOW), NameState::Unknown, "the pass began before the job came");
        assert_eq!(names.state(&name("a"), NOW - Duration::from_millis(1)), NameState::Absent);
    }

    #[tokio::test(start_paused = true)]
    async fn name_that_became_known_during_a_pass_stays_known() {
        let mut names = ProjectNames::default();
        names.add_known([name("old")]);
        let began_at = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        names.add_known([name("new")]);
        names.end_pass(NOW, began_at, &HashSet::new());
        assert_eq!(names.known(), [name("new")]);
    }

    #[tokio::test]
    async fn flood_of_names_uses_bounded_memory() {
        let mut names = ProjectNames::default();
        for number in 0..(MAX_WAITING + 10) {
            names.wait_for(&name(&format!("p{number}")), &row(1).key, NOW);
        }
        assert_eq!((names.unknown.len(), names.read_order.len()), (MAX_WAITING, MAX_WAITING));
        let found = names.add_known([name("p7"), name("other")]);
        assert_eq!(found, [(name("p7"), vec![row(1).key])]);
        let decided = names.end_pass(NOW + Duration::from_secs(1), Instant::now(), &HashSet::new());
        assert_eq!((decided.len(), names.unknown.len(), names.waiting_jobs), (MAX_WAITING - 1, 0, 0));
    }
}
