use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use doorbell_engine::domain::{CountOutcome, HourlyCount};
use doorbell_engine::ports::JobCounter;

use crate::aws::connection::port_error;

use super::DynamoDbLedger;
use super::item::{expiry_value, number_value, string_value};

/// The item of each project and hour: `jobs` is the set of its jobs, so that counting one again changes nothing.
///
/// One conditional write, without a read before it. A lost reply and a retry find the job in the set.
impl JobCounter for DynamoDbLedger {
    async fn count(&self, count: &HourlyCount, max_jobs: u32) -> CountOutcome {
        let call = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("pk", string_value(&count.to_string()))
            .update_expression("ADD #jobs :jobs SET #expires_at = :expires_at")
            .condition_expression("attribute_not_exists(#jobs) OR contains(#jobs, :job) OR size(#jobs) < :max_jobs")
            .expression_attribute_names("#jobs", "jobs")
            .expression_attribute_names("#expires_at", "expires_at")
            .expression_attribute_values(":jobs", AttributeValue::Ss(vec![count.job.clone()]))
            .expression_attribute_values(":job", string_value(&count.job))
            .expression_attribute_values(":max_jobs", number_value(u64::from(max_jobs)))
            .expression_attribute_values(":expires_at", expiry_value(count.expires_at()));
        match call.send().await {
            Ok(_) => CountOutcome::Counted,
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => CountOutcome::LimitReached,
            Err(error) => CountOutcome::Failed(port_error("UpdateItem (hour)", error).to_string()),
        }
    }
}
