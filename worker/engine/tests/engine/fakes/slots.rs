use std::collections::BTreeSet;
use std::time::Duration;

use doorbell_engine::ports::{BuildSlots, PortError};
use doorbell_messages::JobKey;

use super::hours::insert_below;
use super::{PortCall, SimulatedWorker, lock};

/// The jobs that have a slot: a set with a conditional write, as in the ledger.
#[derive(Debug, Default)]
pub struct FakeSlots {
    pub holders: BTreeSet<JobKey>,
    /// The most jobs that had one at once.
    pub most: usize,
}

impl FakeSlots {
    fn take(&mut self, job: &JobKey, max: u32) -> bool {
        let is_taken = insert_below(&mut self.holders, job, max);
        self.most = self.most.max(self.holders.len());
        is_taken
    }
}

impl SimulatedWorker {
    /// One call of the item of slots, with the faults that are scripted for it.
    async fn call_slots<T>(&self, call: PortCall, change: impl FnOnce(&mut FakeSlots) -> T) -> Result<T, PortError> {
        self.process.before(call).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.process.wait_alive().await;
        let result = change(&mut lock(&self.services.slots));
        self.process.after(call).await?;
        Ok(result)
    }
}

impl BuildSlots for SimulatedWorker {
    async fn take(&self, job: &JobKey, max: u32) -> Result<bool, PortError> {
        self.call_slots(PortCall::TakeSlot, |slots| slots.take(job, max)).await
    }

    async fn release(&self, jobs: &[JobKey]) -> Result<(), PortError> {
        self.call_slots(PortCall::ReleaseSlot, |slots| slots.holders.retain(|holder| !jobs.contains(holder))).await
    }

    async fn holders(&self) -> Result<Vec<JobKey>, PortError> {
        self.call_slots(PortCall::ReadSlots, |slots| slots.holders.iter().cloned().collect()).await
    }
}
