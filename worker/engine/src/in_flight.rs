use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use doorbell_messages::JobKey;

/// The jobs that this worker processes right now, so that the sweep and the dispatcher skip them.
#[derive(Debug, Default)]
pub(crate) struct InFlightJobs(Mutex<HashSet<JobKey>>);

impl InFlightJobs {
    /// Marks a job as in flight until the guard is dropped.
    pub(crate) fn mark(&self, key: &JobKey) -> InFlightJob<'_> {
        let is_first = self.keys().insert(key.clone());
        InFlightJob { jobs: self, key: is_first.then(|| key.clone()) }
    }

    pub(crate) fn contains(&self, key: &JobKey) -> bool {
        self.keys().contains(key)
    }

    fn keys(&self) -> MutexGuard<'_, HashSet<JobKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The mark of one job. A panic drops it, too.
#[derive(Debug)]
pub(crate) struct InFlightJob<'a> {
    jobs: &'a InFlightJobs,
    /// None where another task has marked the job before.
    key: Option<JobKey>,
}

impl Drop for InFlightJob<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.jobs.keys().remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stubs::row;

    #[test]
    fn job_stays_in_flight_until_its_first_mark_is_dropped() {
        let (jobs, key) = (InFlightJobs::default(), row(1).key);
        let first = jobs.mark(&key);
        drop(jobs.mark(&key));
        assert!(jobs.contains(&key));
        drop(first);
        assert!(!jobs.contains(&key));
    }
}
