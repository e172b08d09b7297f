use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use doorbell_engine::domain::{Row, Timestamp};
use doorbell_engine::ports::{LoadError, PortError, project_shard_of, shard_of};
use doorbell_messages::JobKey;

/// An item as the SDK has it: attribute values by name.
pub(super) type DynamoDbItem = HashMap<String, AttributeValue>;

/// The schema of items that are no rows; a row says its own.
pub(super) const SCHEMA: u32 = 1;

/// The newest schema that this worker reads. It neither writes nor acks what depends on an item of a newer one.
const MAX_SCHEMA: u32 = Row::MAX_SCHEMA;

/// The attributes that an item has only at times.
pub(super) const OPTIONAL_ATTRIBUTES: [&str; 3] = ["due_shard", "due_at", "expires_at"];

pub(super) fn item_from_row(row: &Row) -> Result<DynamoDbItem, PortError> {
    let json = serde_json::to_string(row).map_err(|error| PortError(format!("the row cannot be written: {error}")))?;
    let due = row
        .due_at()
        .map(|due_at| [("due_shard", number_value(u64::from(shard_of(&row.key)))), ("due_at", time_value(due_at))]);
    let expires = row.expires_at().map(|at| ("expires_at", expiry_value(at)));
    let always = [
        ("pk", string_value(row.key.as_str())),
        ("rev", number_value(row.rev)),
        ("writer", string_value(&row.writer)),
        ("schema", number_value(u64::from(row.schema()))),
        ("status", string_value(row.status().as_str())),
        ("project", string_value(row.request.project.as_str())),
        ("listed", string_value(&project_shard_of(&row.key))),
        ("received_at", time_value(row.received_at)),
        ("row", string_value(&json)),
    ];
    let all = always.into_iter().chain(due.into_iter().flatten()).chain(expires);
    Ok(all.map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(super) fn row_from_item(item: &DynamoDbItem) -> Result<Row, LoadError> {
    check_schema(item)?;
    let json = item.get("row").and_then(|value| value.as_s().ok());
    let json = json.ok_or_else(|| LoadError::Corrupt("it has no row".to_owned()))?;
    serde_json::from_str(json).map_err(|error| LoadError::Corrupt(error.to_string()))
}

/// Refuses an item of a schema that this worker does not know.
pub(super) fn check_schema(item: &DynamoDbItem) -> Result<(), LoadError> {
    let schema = item.get("schema").and_then(|value| value.as_n().ok()).and_then(|text| text.parse::<u32>().ok());
    match schema {
        Some(schema) if schema > MAX_SCHEMA => Err(LoadError::NewerSchema(schema)),
        Some(_) => Ok(()),
        None => Err(LoadError::Corrupt("it has no schema".to_owned())),
    }
}

pub(super) fn key_of(item: &DynamoDbItem) -> Option<JobKey> {
    item.get("pk")?.as_s().ok()?.parse().ok()
}

pub(super) fn due_at_of(item: &DynamoDbItem) -> Option<Timestamp> {
    item.get("due_at")?.as_n().ok()?.parse().ok().map(Timestamp::from_millis)
}

pub(super) fn string_value(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(super) fn number_value(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// DynamoDB's TTL counts seconds.
pub(super) fn expiry_value(at: Timestamp) -> AttributeValue {
    number_value(at.as_millis().unsigned_abs() / 1000)
}

pub(super) fn time_value(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_millis().to_string())
}
