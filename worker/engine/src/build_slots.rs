use std::future::Future;

use doorbell_messages::JobKey;

use crate::ports::PortError;

/// What came of taking a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotOutcome {
    /// The job has a slot, by this call or by an earlier one.
    Taken,
    /// Others have all slots.
    Full,
    /// The ledger did not answer: the job may have a slot or not.
    Failed(String),
}

/// The slots of the builds that run at once, over all workers.
pub trait BuildSlots: Send + Sync {
    /// Takes a slot for a job, unless `max` others have one. Idempotent: a job that has one keeps it, whatever the limit.
    fn take(&self, job: &JobKey, max: u32) -> impl Future<Output = SlotOutcome> + Send;
    /// Gives the slots of these jobs back. Idempotent.
    fn release(&self, jobs: &[JobKey]) -> impl Future<Output = Result<(), PortError>> + Send;
    /// The jobs that have slots.
    fn holders(&self) -> impl Future<Output = Result<Vec<JobKey>, PortError>> + Send;
}
