use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use doorbell_engine::domain::{OrderItem, OrderScope, Timestamp};
use doorbell_engine::ports::{LoadError, OrderLedger, PortError, UpdateOutcome};

use crate::aws::connection::port_error;

use super::DynamoDbLedger;
use super::item::{DynamoDbItem, SCHEMA, check_schema, expiry_value, number_value, string_value};

/// The item of each scope: `order` holds it as JSON, and `rev` stands beside it for the condition.
impl OrderLedger for DynamoDbLedger {
    async fn load(&self, scope: &OrderScope) -> Result<Option<OrderItem>, LoadError> {
        let call = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", string_value(&scope.to_string()))
            .consistent_read(true);
        let answer = call.send().await.map_err(|error| port_error("GetItem (order)", error))?;
        answer.item.map(|item| order_of(&item)).transpose()
    }

    async fn write(&self, scope: &OrderScope, item: &OrderItem, now: Timestamp) -> Result<UpdateOutcome, PortError> {
        let json = serde_json::to_string(item)
            .map_err(|error| PortError(format!("the order item cannot be written: {error}")))?;
        let mut call = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("pk", string_value(&scope.to_string()))
            .update_expression("SET #order = :order, #rev = :rev, #schema = :schema, #expires_at = :expires_at")
            .expression_attribute_values(":order", string_value(&json))
            .expression_attribute_values(":rev", number_value(item.rev))
            .expression_attribute_values(":schema", number_value(u64::from(SCHEMA)))
            .expression_attribute_values(":expires_at", expiry_value(OrderItem::expires_at(now)));
        for name in ["order", "rev", "schema", "expires_at"] {
            call = call.expression_attribute_names(format!("#{name}"), name);
        }
        call = match item.rev.saturating_sub(1) {
            0 => call.condition_expression("attribute_not_exists(pk)"),
            before => {
                call.condition_expression("#rev = :before").expression_attribute_values(":before", number_value(before))
            }
        };
        match call.send().await {
            Ok(_) => Ok(UpdateOutcome::Written),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(UpdateOutcome::Conflict),
            Err(error) => Err(port_error("UpdateItem (order)", error)),
        }
    }
}

fn order_of(item: &DynamoDbItem) -> Result<OrderItem, LoadError> {
    check_schema(item)?;
    let json = item.get("order").and_then(|value| value.as_s().ok());
    let json = json.ok_or_else(|| LoadError::Corrupt("it has no order".to_owned()))?;
    serde_json::from_str(json).map_err(|error| LoadError::Corrupt(error.to_string()))
}
