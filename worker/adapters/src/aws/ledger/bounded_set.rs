use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use doorbell_engine::ports::PortError;

use crate::aws::connection::port_error;

use super::DynamoDbLedger;
use super::item::{number_value, string_value};

/// Items whose attribute `jobs` is a set of limited size.
///
/// A job is added by one conditional write without a read before it, which a lost reply and a retry repeat without effect.
impl DynamoDbLedger {
    /// An update of such an item, which adds the job.
    pub(super) fn add_to_set(&self, item: &str, job: &str, max: u32) -> UpdateItemFluentBuilder {
        self.update_set(item, vec![job.to_owned()])
            .update_expression("ADD #jobs :jobs")
            .condition_expression("attribute_not_exists(#jobs) OR contains(#jobs, :job) OR size(#jobs) < :max")
            .expression_attribute_values(":job", string_value(job))
            .expression_attribute_values(":max", number_value(u64::from(max)))
    }

    /// An update of such an item. `jobs` are the value `:jobs`.
    pub(super) fn update_set(&self, item: &str, jobs: Vec<String>) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .key("pk", string_value(item))
            .expression_attribute_names("#jobs", "jobs")
            .expression_attribute_values(":jobs", AttributeValue::Ss(jobs))
    }
}

/// Whether the set has the job.
pub(super) async fn is_added(what: &str, update: UpdateItemFluentBuilder) -> Result<bool, PortError> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(port_error(&format!("UpdateItem ({what})"), error)),
    }
}
