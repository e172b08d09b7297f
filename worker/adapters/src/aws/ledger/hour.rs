use doorbell_engine::domain::{CountOutcome, HourlyCount};
use doorbell_engine::ports::JobCounter;

use super::DynamoDbLedger;
use super::bounded_set::is_added;
use super::item::expiry_value;

/// The item of each project and hour has the set of its jobs, so that counting one again changes nothing.
impl JobCounter for DynamoDbLedger {
    async fn count(&self, count: &HourlyCount, max_jobs: u32) -> CountOutcome {
        let update = self
            .add_to_set(&count.to_string(), &count.job, max_jobs)
            .update_expression("ADD #jobs :jobs SET #expires_at = :expires_at")
            .expression_attribute_names("#expires_at", "expires_at")
            .expression_attribute_values(":expires_at", expiry_value(count.expires_at()));
        match is_added("hour", update).await {
            Ok(true) => CountOutcome::Counted,
            Ok(false) => CountOutcome::LimitReached,
            Err(error) => CountOutcome::Failed(error.to_string()),
        }
    }
}
