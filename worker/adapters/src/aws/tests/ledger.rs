use doorbell_engine::domain::{Row, SourceMessage, Timestamp};
use doorbell_engine::ports::{InsertOutcome, JobLedger, LoadError, UpdateOutcome};
use doorbell_messages::{JobKey, Request};
use serde_json::{Value, json};

use super::{AwsStub, error_response};
use crate::aws::DynamoDbLedger;
use crate::aws::clock::AwsClock;

fn row() -> Row {
    let now = Timestamp::from_millis(1_800_000_000_000);
    let request = Request::parse(r#"{"project":"demo","branch":"main"}"#).unwrap();
    let id = "00000000-0000-4000-8000-00000000000a";
    let key = JobKey::for_request(&request, id).unwrap();
    Row { writer: "me-1".to_owned(), ..Row::new(key, request, SourceMessage { id: id.to_owned(), sent_at: now }, now) }
}

async fn table(aws: &AwsStub) -> DynamoDbLedger {
    DynamoDbLedger::new(&aws.sdk().await, &AwsClock::default(), "jobs".to_owned())
}

fn item(schema: u32) -> Value {
    let job = serde_json::to_string(&row()).unwrap();
    json!({"Item": {"pk": {"S": row().key.as_str()}, "schema": {"N": schema.to_string()}, "job": {"S": job}}})
}

const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

#[tokio::test]
async fn insert_requires_absent_row() {
    let aws = AwsStub::new([(200, json!({}))]).await;
    assert_eq!(table(&aws).await.insert(&[row()]).await, [Ok(InsertOutcome::Inserted)]);
    assert_eq!(aws.call().operation, "PutItem");
    assert_eq!(aws.call().body["ConditionExpression"], "attribute_not_exists(pk)");

    let aws = AwsStub::new([error_response(CONDITION_FAILED, "The conditional request failed")]).await;
    assert_eq!(table(&aws).await.insert(&[row()]).await, [Ok(InsertOutcome::AlreadyExists)]);
}

#[tokio::test]
async fn update_requires_previous_revision() {
    let next = Row { rev: 8, ..row() };
    let aws = AwsStub::new([(200, json!({}))]).await;
    assert_eq!(table(&aws).await.update(std::slice::from_ref(&next)).await, [Ok(UpdateOutcome::Written)]);
    let call = aws.call();
    assert_eq!(call.operation, "UpdateItem");
    assert_eq!(call.body["ConditionExpression"], "#rev = :before");
    assert_eq!(call.body["ExpressionAttributeValues"][":before"], json!({"N": "7"}));
    assert_eq!(call.body["ExpressionAttributeValues"][":rev"], json!({"N": "8"}));

    let aws = AwsStub::new([error_response(CONDITION_FAILED, "The conditional request failed")]).await;
    assert_eq!(table(&aws).await.update(&[next]).await, [Ok(UpdateOutcome::Conflict)]);
}

#[tokio::test]
async fn failed_write_is_an_error_and_no_conflict() {
    for answer in
        [error_response("AccessDeniedException", "not you"), error_response("ResourceNotFoundException", "no table")]
    {
        let aws = AwsStub::new([answer]).await;
        let table = table(&aws).await;
        assert!(table.insert(&[row()]).await[0].is_err());
        assert!(table.update(&[Row { rev: 2, ..row() }]).await[0].is_err());
    }
}

#[tokio::test]
async fn missing_table_is_an_error_and_no_absent_row() {
    let key = [row().key];
    let load = async |answer| {
        let aws = AwsStub::new([answer]).await;
        let loaded = table(&aws).await.load(&key).await.remove(0);
        assert_eq!(aws.call().body["ConsistentRead"], true);
        loaded
    };
    assert_eq!(load((200, json!({}))).await, Ok(None));
    assert_eq!(load((200, item(1))).await, Ok(Some(row())));
    assert!(matches!(load(error_response("ResourceNotFoundException", "no table")).await, Err(LoadError::Port(_))));
    assert!(matches!(load(error_response("AccessDeniedException", "not you")).await, Err(LoadError::Port(_))));
}

#[tokio::test]
async fn row_of_newer_schema_is_not_reported_as_corrupt() {
    let key = [row().key];
    let load = async |answer| {
        let aws = AwsStub::new([(200, answer)]).await;
        table(&aws).await.load(&key).await.remove(0)
    };
    assert_eq!(load(item(2)).await, Err(LoadError::NewerSchema(2)));
    assert!(matches!(load(json!({"Item": {"pk": {"S": "x"}}})).await, Err(LoadError::Corrupt(_))));
    let truncated = json!({"Item": {"schema": {"N": "1"}, "job": {"S": "{"}}});
    assert!(matches!(load(truncated).await, Err(LoadError::Corrupt(_))));
}
