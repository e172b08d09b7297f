use std::collections::{BTreeMap, BTreeSet};

use doorbell_engine::domain::{CountOutcome, HourlyCount};
use doorbell_engine::ports::JobCounter;

use super::{PortCall, SimulatedWorker, lock};

/// The jobs of each project and hour: sets with a conditional write, as in the ledger.
#[derive(Debug, Default)]
pub struct FakeHours {
    pub jobs: BTreeMap<String, BTreeSet<String>>,
}

impl FakeHours {
    fn count(&mut self, count: &HourlyCount, max_jobs: u32) -> CountOutcome {
        match insert_below(self.jobs.entry(count.to_string()).or_default(), &count.job, max_jobs) {
            true => CountOutcome::Counted,
            false => CountOutcome::LimitReached,
        }
    }
}

/// Inserts an element, unless the set has `max` others. Whether the set has it.
pub(super) fn insert_below<T: Ord + Clone>(set: &mut BTreeSet<T>, element: &T, max: u32) -> bool {
    if !set.contains(element) && set.len() < max as usize {
        set.insert(element.clone());
    }
    set.contains(element)
}

impl JobCounter for SimulatedWorker {
    async fn count(&self, count: &HourlyCount, max_jobs: u32) -> CountOutcome {
        if let Err(error) = self.process.before(PortCall::CountJob).await {
            return CountOutcome::Failed(error.to_string());
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        self.process.wait_alive().await;
        let outcome = lock(&self.services.hours).count(count, max_jobs);
        match self.process.after(PortCall::CountJob).await {
            Ok(()) => outcome,
            Err(error) => CountOutcome::Failed(error.to_string()),
        }
    }
}
