//! One turn: the pure steps between the reads and the write of a scope's item.

use doorbell_messages::{CommitId, JobKey};
use doorbell_registry::OrderRule;

use super::item::{BuiltJob, OrderItem, OrderedJob};
use crate::domain::build_record::CommandRan;
use crate::domain::phase::Phase;
use crate::domain::row::Row;

/// The number of jobs that may wait on one ref.
pub(crate) const MAX_WAITING: usize = 100;

/// The number of waiting jobs whose rows one turn reads.
pub(crate) const MAX_CANDIDATES: usize = 10;

/// The number of waiting jobs whose commits a build is compared with: they stand in its environment.
const MAX_COMPARED: usize = 40;

/// The number of commits that may have been built: they stand there, too. Of more, the oldest is forgotten.
const MAX_MAYBE_BUILT: usize = 20;

/// What a turn says to the job that took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnOutcome {
    /// It may start. Its build must not be older than these commits.
    Granted(Vec<CommitId>),
    /// A newer job covers it: it ends itself.
    Superseded(JobKey),
    /// It waits.
    Waiting {
        /// The job that it waits for, as far as that is known.
        behind: Option<JobKey>,
        /// Whether it comes next.
        is_next: bool,
    },
    /// Too many jobs wait on this ref.
    Full,
    /// The ledger failed, or the item changed faster than it could be written.
    Failed(String),
}

/// The state of a job that an item names, by its row.
#[derive(Debug, Clone, PartialEq, Eq)]
enum JobState {
    /// It may still start, or run.
    Live,
    /// It is over, and so is its build.
    Over {
        /// Whether its command ran.
        command_ran: CommandRan,
        /// The commits that its build was compared with before the command.
        covers: Vec<CommitId>,
    },
}

/// One turn over an item as it was read.
#[derive(Debug)]
pub(crate) struct Turn {
    item: OrderItem,
    rule: OrderRule,
    before: OrderItem,
    has_new_holder: bool,
    has_new_built: bool,
}

impl Turn {
    /// A turn by the rule of the job that takes it.
    pub(crate) fn new(item: OrderItem, rule: OrderRule) -> Self {
        Self { before: item.clone(), item, rule, has_new_holder: false, has_new_built: false }
    }

    /// The holder, whose row is to be read first.
    pub(crate) fn holder(&self) -> Option<&JobKey> {
        self.item.holder.as_ref().map(|holder| &holder.key)
    }

    /// Frees the scope where its holder is over, by the holder's row.
    ///
    /// A holder never loses the scope before it is over: a worker that slept between turn and claim still holds it, or
    /// finds its row written.
    pub(crate) fn release_holder(&mut self, row: Option<&Row>) {
        let Some(holder) = self.item.holder.take() else { return };
        match job_state(row) {
            JobState::Live => self.item.holder = Some(holder),
            JobState::Over { command_ran, covers } => {
                self.remove(&holder.key);
                match command_ran {
                    CommandRan::No => {}
                    CommandRan::Maybe => self.record_maybe_built(holder.commit),
                    CommandRan::Yes => {
                        self.item.built = Some(BuiltJob { job: holder, covers });
                        self.item.maybe_built.clear();
                        self.has_new_built = true;
                    }
                }
            }
        }
    }

    fn record_maybe_built(&mut self, commit: Option<CommitId>) {
        let Some(commit) = commit.filter(|commit| !self.item.maybe_built.contains(commit)) else { return };
        if self.item.maybe_built.len() >= MAX_MAYBE_BUILT {
            self.item.maybe_built.remove(0);
        }
        self.item.maybe_built.push(commit);
    }

    /// The job whose build makes this one superfluous.
    ///
    /// It was published later, and its build is older than none of the commits that it was compared with.
    pub(crate) fn superseded_by(&self, job: &OrderedJob) -> Option<JobKey> {
        let built = self.item.built.as_ref().filter(|_| self.rule == OrderRule::Newest)?;
        let commit = job.commit.as_ref()?;
        let is_earlier = job.position < built.job.position;
        let is_covered = built.job.commit.as_ref() == Some(commit) || built.covers.contains(commit);
        (is_earlier && is_covered).then(|| built.job.key.clone())
    }

    /// Adds a job to those that wait, unless it waits or holds already. `false`: there are too many.
    pub(crate) fn join(&mut self, job: &OrderedJob) -> bool {
        let is_known = self.item.waiting.iter().any(|waiting| waiting.key == job.key) || self.is_held_by(&job.key);
        if !is_known && self.item.waiting.len() >= MAX_WAITING {
            return false;
        }
        if !is_known {
            let place = self.item.waiting.partition_point(|waiting| waiting.position < job.position);
            self.item.waiting.insert(place, job.clone());
        }
        true
    }

    /// Removes a job from those that wait.
    pub(crate) fn remove(&mut self, key: &JobKey) {
        self.item.waiting.retain(|waiting| waiting.key != *key);
    }

    /// The next jobs, if the scope has no holder: their rows are to be read.
    pub(crate) fn candidates(&self) -> Vec<JobKey> {
        if self.item.holder.is_some() {
            return Vec::new();
        }
        self.in_order().filter(|job| self.superseded_by(job).is_none()).map(|job| job.key.clone()).collect()
    }

    /// Gives the scope to the first candidate that is live, and removes those that are over.
    pub(crate) fn choose_holder(&mut self, candidates: &[(JobKey, Option<Row>)]) {
        for (key, row) in candidates {
            if self.item.holder.is_some() {
                return;
            }
            let Some(place) = self.item.waiting.iter().position(|waiting| waiting.key == *key) else { continue };
            let job = self.item.waiting.remove(place);
            if job_state(row.as_ref()) == JobState::Live {
                self.item.holder = Some(job);
                self.has_new_holder = true;
            }
        }
    }

    /// What the job that took the turn hears.
    pub(crate) fn outcome(&self, job: &OrderedJob, allows_older: bool) -> TurnOutcome {
        if self.is_held_by(&job.key) {
            let compares = self.rule == OrderRule::Newest && !allows_older;
            return TurnOutcome::Granted(if compares { self.compared_with(job) } else { Vec::new() });
        }
        let next = self.in_order().next().map(|next| &next.key);
        let behind = self.holder().or(next).filter(|behind| **behind != job.key);
        TurnOutcome::Waiting { behind: behind.cloned(), is_next: next == Some(&job.key) }
    }

    /// Jobs that can go on because of this turn: the new holder, and those that it made superfluous.
    ///
    /// Only what this turn changed: jobs that wake each other without a change would never rest.
    pub(crate) fn to_wake(&self) -> Vec<JobKey> {
        let holder = self.holder().filter(|_| self.has_new_holder).cloned();
        let superseded = self.item.waiting.iter().filter(|job| self.has_new_built && self.superseded_by(job).is_some());
        // All that were read were over: the next one takes a turn of its own.
        let next = self.in_order().next().filter(|_| self.item.holder.is_none()).map(|job| job.key.clone());
        let mut keys: Vec<JobKey> = holder.into_iter().chain(superseded.map(|job| job.key.clone())).collect();
        keys.extend(next.filter(|next| self.is_changed() && !keys.contains(next)));
        keys
    }

    /// Whether the item is to be written.
    pub(crate) fn is_changed(&self) -> bool {
        self.item != self.before
    }

    /// The item to write.
    pub(crate) fn next_item(&self) -> OrderItem {
        OrderItem { rev: self.item.rev + 1, ..self.item.clone() }
    }

    fn is_held_by(&self, key: &JobKey) -> bool {
        self.holder() == Some(key)
    }

    /// The waiting jobs in the order in which they get the scope.
    fn in_order(&self) -> impl Iterator<Item = &OrderedJob> {
        let newest = self.item.waiting.iter().rev().filter(|_| self.rule == OrderRule::Newest);
        let oldest = self.item.waiting.iter().filter(|_| self.rule != OrderRule::Newest);
        newest.chain(oldest)
    }

    /// The commits that were or may have been built, and those that wait: the latest ones, if they are too many.
    fn compared_with(&self, job: &OrderedJob) -> Vec<CommitId> {
        let built = self.item.built.iter().filter_map(|built| built.job.commit.clone());
        let built = built.chain(self.item.maybe_built.iter().cloned());
        let others = self.item.waiting.iter().rev().filter(|waiting| waiting.key != job.key);
        let mut commits = Vec::new();
        for commit in built.chain(others.filter_map(|waiting| waiting.commit.clone()).take(MAX_COMPARED)) {
            if job.commit.as_ref() != Some(&commit) && !commits.contains(&commit) {
                commits.push(commit);
            }
        }
        commits
    }
}

/// The state of a job by its row, which the ledger may have deleted long after the job was over.
///
/// A quarantined job that has not started, or whose start was denied, does not hold up its ref: it takes a turn again when
/// it is released.
fn job_state(row: Option<&Row>) -> JobState {
    let over = |command_ran| JobState::Over { command_ran, covers: Vec::new() };
    let Some(row) = row else { return over(CommandRan::Maybe) };
    match &row.phase {
        Phase::Finished { result, not_older_than, .. } => JobState::Over {
            command_ran: result.command_ran.unwrap_or(CommandRan::Maybe),
            covers: not_older_than.clone(),
        },
        Phase::Rejected { .. } => over(CommandRan::No),
        Phase::Received | Phase::Accepted { .. } if row.quarantined.is_some() => over(CommandRan::No),
        Phase::Received | Phase::Accepted { .. } | Phase::Starting { .. } | Phase::Running { .. } => JobState::Live,
    }
}
