use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use doorbell_engine::ports::{BuildSlots, PortError, SlotOutcome};
use doorbell_messages::JobKey;

use crate::aws::connection::port_error;

use super::DynamoDbLedger;
use super::item::{number_value, string_value};

/// The item of all slots: `jobs` is the set of the jobs that have one. No job's key begins like this.
const SLOTS: &str = "#slots";

/// Each call is one write without a read before it, which a lost reply and a retry repeat without effect.
impl BuildSlots for DynamoDbLedger {
    async fn take(&self, job: &JobKey, max: u32) -> SlotOutcome {
        let call = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("pk", string_value(SLOTS))
            .update_expression("ADD #jobs :jobs")
            .condition_expression("attribute_not_exists(#jobs) OR contains(#jobs, :job) OR size(#jobs) < :max")
            .expression_attribute_names("#jobs", "jobs")
            .expression_attribute_values(":jobs", AttributeValue::Ss(vec![job.as_str().to_owned()]))
            .expression_attribute_values(":job", string_value(job.as_str()))
            .expression_attribute_values(":max", number_value(u64::from(max)));
        match call.send().await {
            Ok(_) => SlotOutcome::Taken,
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => SlotOutcome::Full,
            Err(error) => SlotOutcome::Failed(port_error("UpdateItem (slots)", error).to_string()),
        }
    }

    async fn release(&self, jobs: &[JobKey]) -> Result<(), PortError> {
        let jobs = jobs.iter().map(|job| job.as_str().to_owned()).collect();
        let call = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("pk", string_value(SLOTS))
            .update_expression("DELETE #jobs :jobs")
            .expression_attribute_names("#jobs", "jobs")
            .expression_attribute_values(":jobs", AttributeValue::Ss(jobs));
        call.send().await.map(drop).map_err(|error| port_error("UpdateItem (slots)", error))
    }

    async fn holders(&self) -> Result<Vec<JobKey>, PortError> {
        let call = self.client.get_item().table_name(&self.name).key("pk", string_value(SLOTS)).consistent_read(true);
        let item = call.send().await.map_err(|error| port_error("GetItem (slots)", error))?.item.unwrap_or_default();
        let jobs = item.get("jobs").and_then(|jobs| jobs.as_ss().ok()).cloned().unwrap_or_default();
        Ok(jobs.iter().filter_map(|job| job.parse().ok()).collect())
    }
}
