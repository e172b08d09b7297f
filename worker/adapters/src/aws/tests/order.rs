use doorbell_engine::domain::{OrderItem, OrderScope, OrderedJob, Row};
use doorbell_engine::ports::{LoadError, OrderLedger, UpdateOutcome};
use serde_json::{Value, json};

use super::ledger::{row, table};
use super::{AwsStub, error_response};

fn scope() -> OrderScope {
    OrderScope::of(&row())
}

fn item(rev: u64) -> OrderItem {
    OrderItem { rev, waiting: vec![OrderedJob::of(&row())], ..OrderItem::default() }
}

fn stored(schema: u32) -> Value {
    let order = serde_json::to_string(&item(7)).unwrap();
    json!({"Item": {"pk": {"S": scope().to_string()}, "schema": {"N": schema.to_string()}, "order": {"S": order}}})
}

#[tokio::test]
async fn order_item_is_read_consistently() {
    let load = async |answer| {
        let aws = AwsStub::new([(200, answer)]).await;
        let loaded = OrderLedger::load(&table(&aws).await, &scope()).await;
        let body = aws.call().body;
        assert_eq!(body["ConsistentRead"], true);
        assert_eq!(body["Key"], json!({"pk": {"S": "#order#demo#refs/heads/main"}}));
        loaded
    };
    assert_eq!(load(json!({})).await, Ok(None));
    assert_eq!(load(stored(1)).await, Ok(Some(item(7))));
    let newer = Row::MAX_SCHEMA + 1;
    assert_eq!(load(stored(newer)).await, Err(LoadError::NewerSchema(newer)));
    let truncated = json!({"Item": {"schema": {"N": "1"}, "order": {"S": "{"}}});
    assert!(matches!(load(truncated).await, Err(LoadError::Corrupt(_))));
}

#[tokio::test]
async fn order_item_is_written_over_its_previous_revision_only() {
    let write = async |rev, answer| {
        let aws = AwsStub::new([answer]).await;
        let written = table(&aws).await.write(&scope(), &item(rev), row().received_at).await;
        (written, aws.call().body)
    };
    let (written, body) = write(8, (200, json!({}))).await;
    assert_eq!(written, Ok(UpdateOutcome::Written));
    assert_eq!(body["ConditionExpression"], "#rev = :before");
    assert_eq!(body["ExpressionAttributeValues"][":before"], json!({"N": "7"}));
    assert_eq!(body["ExpressionAttributeValues"][":expires_at"], json!({"N": "1805184000"}));
    let (_, body) = write(1, (200, json!({}))).await;
    assert_eq!(body["ConditionExpression"], "attribute_not_exists(pk)");
    let conflict = error_response("ConditionalCheckFailedException", "The conditional request failed");
    assert_eq!(write(8, conflict).await.0, Ok(UpdateOutcome::Conflict));
    assert!(write(8, error_response("AccessDeniedException", "not you")).await.0.is_err());
}
