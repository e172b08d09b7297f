use doorbell_engine::ports::{BuildSlots, PortError};
use doorbell_messages::JobKey;

use crate::aws::connection::port_error;

use super::DynamoDbLedger;
use super::bounded_set::is_added;
use super::item::string_value;

/// The item of all slots: the set of the jobs that have one. No job's key begins like this.
const SLOTS: &str = "#slots";

impl BuildSlots for DynamoDbLedger {
    async fn take(&self, job: &JobKey, max: u32) -> Result<bool, PortError> {
        is_added("slots", self.add_to_set(SLOTS, job.as_str(), max)).await
    }

    async fn release(&self, jobs: &[JobKey]) -> Result<(), PortError> {
        let jobs = jobs.iter().map(|job| job.as_str().to_owned()).collect();
        let call = self.update_set(SLOTS, jobs).update_expression("DELETE #jobs :jobs");
        call.send().await.map(drop).map_err(|error| port_error("UpdateItem (slots)", error))
    }

    async fn holders(&self) -> Result<Vec<JobKey>, PortError> {
        let call = self.client.get_item().table_name(&self.name).key("pk", string_value(SLOTS)).consistent_read(true);
        let item = call.send().await.map_err(|error| port_error("GetItem (slots)", error))?.item.unwrap_or_default();
        let jobs = item.get("jobs").and_then(|jobs| jobs.as_ss().ok()).cloned().unwrap_or_default();
        Ok(jobs.iter().filter_map(|job| job.parse().ok()).collect())
    }
}
