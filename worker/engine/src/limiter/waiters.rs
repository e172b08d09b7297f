use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use doorbell_messages::{JobKey, ProjectName};

use crate::domain::Timestamp;
use crate::job_tasks::CapacityPermit;

/// Jobs that one worker queues. Those beyond it wait for their due times alone.
const MAX_WAITERS: usize = 10_000;

/// One project's jobs at one destination.
type QueueKey = (String, ProjectName);

/// Jobs that wait for a permit: round robin over projects, oldest first within one.
#[derive(Debug, Default)]
pub(super) struct WaitingJobs {
    queues: BTreeMap<QueueKey, BTreeSet<(Timestamp, JobKey)>>,
    /// Each queue that has a job, once, in the order in which they come next.
    round_robin: VecDeque<QueueKey>,
    /// Where each job waits.
    destinations: HashMap<JobKey, String>,
    /// The capacity that jobs keep meanwhile.
    capacities: HashMap<JobKey, CapacityPermit>,
}

impl WaitingJobs {
    pub(super) fn is_empty(&self) -> bool {
        self.round_robin.is_empty()
    }

    pub(super) fn has_any_for(&self, destination: &str) -> bool {
        self.destinations().any(|waited_for| waited_for == destination)
    }

    /// The destinations at which jobs wait, once for each project.
    pub(super) fn destinations(&self) -> impl Iterator<Item = &str> {
        self.round_robin.iter().map(|(destination, _)| destination.as_str())
    }

    /// Queues a job; one that is queued keeps its place. False if there are too many jobs already.
    pub(super) fn enqueue(&mut self, destination: &str, project: &ProjectName, since: Timestamp, key: &JobKey) -> bool {
        if self.destinations.len() >= MAX_WAITERS {
            return false;
        }
        let queue = (destination.to_owned(), project.clone());
        let jobs = self.queues.entry(queue.clone()).or_default();
        let is_first = jobs.is_empty();
        jobs.insert((since, key.clone()));
        self.destinations.insert(key.clone(), destination.to_owned());
        if is_first {
            self.round_robin.push_back(queue);
        }
        true
    }

    /// Where a job waits, if it does.
    pub(super) fn destination_of(&self, key: &JobKey) -> Option<&str> {
        self.destinations.get(key).map(String::as_str)
    }

    /// How many of the jobs that wait there keep capacity.
    pub(super) fn count_capacities(&self, destination: &str) -> usize {
        self.capacities.keys().filter(|key| self.destination_of(key) == Some(destination)).count()
    }

    pub(super) fn keep_capacity(&mut self, key: &JobKey, capacity: CapacityPermit) {
        self.capacities.insert(key.clone(), capacity);
    }

    pub(super) fn take_capacity(&mut self, key: &JobKey) -> Option<CapacityPermit> {
        self.capacities.remove(key)
    }

    /// Frees the capacity of all jobs that wait there.
    pub(super) fn free_capacities(&mut self, destination: &str) {
        let Self { capacities, destinations, .. } = self;
        capacities.retain(|key, _| destinations.get(key).is_none_or(|waited_for| waited_for != destination));
    }

    /// Takes the next job for whose destination `find` finds something. Its queue comes last then.
    pub(super) fn pop_first<T>(&mut self, mut find: impl FnMut(&str) -> Option<T>) -> Option<(JobKey, String, T)> {
        for position in 0..self.round_robin.len() {
            let Some(queue) = self.round_robin.get(position).cloned() else { continue };
            let Some(found) = find(&queue.0) else { continue };
            let Some((_, key)) = self.queues.get_mut(&queue).and_then(BTreeSet::pop_first) else { continue };
            self.destinations.remove(&key);
            self.round_robin.remove(position);
            let destination = queue.0.clone();
            if self.queues.get(&queue).is_some_and(|jobs| !jobs.is_empty()) {
                self.round_robin.push_back(queue);
            } else {
                self.queues.remove(&queue);
            }
            return Some((key, destination, found));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stubs::{NOW, row};

    #[test]
    fn jobs_come_round_robin_over_projects_and_oldest_first() {
        let mut waiting = WaitingJobs::default();
        let (big, small) = ("big".parse().unwrap(), "small".parse().unwrap());
        for (number, project, age) in [(1, &big, 1), (2, &big, 2), (3, &big, 3), (4, &small, 0)] {
            assert!(waiting.enqueue("a", project, NOW - std::time::Duration::from_secs(age), &row(number).key));
        }
        waiting.enqueue("a", &big, NOW - std::time::Duration::from_secs(1), &row(1).key);
        assert_eq!(waiting.pop_first(|_| None::<()>), None);
        let order: Vec<JobKey> =
            std::iter::from_fn(|| waiting.pop_first(|destination| (destination == "a").then_some(())))
                .map(|(key, ..)| key)
                .collect();
        assert_eq!(order, [3, 4, 2, 1].map(|number| row(number).key));
        assert!(waiting.is_empty());
    }
}
