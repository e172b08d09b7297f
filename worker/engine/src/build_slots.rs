use std::future::Future;

use doorbell_messages::JobKey;

use crate::ports::PortError;

/// The slots of the builds that run at once, over all workers.
pub trait BuildSlots: Send + Sync {
    /// Takes a slot for a job. False if `max` others have one.
    ///
    /// Idempotent: a job that has a slot keeps it, under a lower limit as well. After an error it may have one or not.
    fn take(&self, job: &JobKey, max: u32) -> impl Future<Output = Result<bool, PortError>> + Send;
    /// Gives the slots of these jobs back. Idempotent.
    fn release(&self, jobs: &[JobKey]) -> impl Future<Output = Result<(), PortError>> + Send;
    /// The jobs that have slots.
    fn holders(&self) -> impl Future<Output = Result<Vec<JobKey>, PortError>> + Send;
}
