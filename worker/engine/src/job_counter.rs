use std::future::Future;

use crate::domain::{CountOutcome, HourlyCount};

/// Counts the jobs of a project's hour, over all workers.
pub trait JobCounter: Send + Sync {
    /// Counts a job, unless the hour has `max_jobs` others. Idempotent: a counted job stays counted, under a lower limit as
    /// well.
    fn count(&self, count: &HourlyCount, max_jobs: u32) -> impl Future<Output = CountOutcome> + Send;
}
