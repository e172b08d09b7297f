use std::time::Duration;

use doorbell_engine::domain::{Row, SourceMessage, Timestamp};
use doorbell_engine::ports::{InsertOutcome, JobLedger, LoadError, UpdateOutcome};
use doorbell_messages::{JobKey, Request};
use serde_json::{Value, json};

use super::{AwsStub, AwsStubCall, error_response, heartbeat_worker};
use crate::aws::DynamoDbLedger;
use crate::aws::clock::AwsClock;

pub(super) fn row() -> Row {
    let now = Timestamp::from_millis(1_800_000_000_000);
    let request = Request::parse(r#"{"project":"demo","branch":"main"}"#).unwrap();
    let id = "00000000-0000-4000-8000-00000000000a";
    let key = JobKey::for_request(&request, id).unwrap();
    Row { writer: "me-1".to_owned(), ..Row::new(key, request, SourceMessage { id: id.to_owned(), sent_at: now }, now) }
}

pub(super) async fn table(aws: &AwsStub) -> DynamoDbLedger {
    DynamoDbLedger::new(&aws.sdk().await, &AwsClock::default(), "jobs".to_owned())
}

fn item(schema: u32) -> Value {
    let job = serde_json::to_string(&row()).unwrap();
    json!({"Item": {"pk": {"S": row().key.as_str()}, "schema": {"N": schema.to_string()}, "row": {"S": job}}})
}

const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

fn only_call(aws: &AwsStub, operation: &str) -> AwsStubCall {
    let mut calls: Vec<_> = aws.calls().into_iter().filter(|call| call.operation == operation).collect();
    assert_eq!(calls.len(), 1, "{calls:#?}");
    calls.remove(0)
}

/// The item of schema 1 as a file, which is written once and never regenerated.
#[tokio::test]
async fn item_fixture_is_inserted_field_by_field() {
    for fixture in [include_str!("items/v1/due.json"), include_str!("items/v1/settled.json")] {
        let item: Value = serde_json::from_str(fixture).unwrap();
        let aws = AwsStub::new([(200, json!({ "Item": item }))]).await;
        let table = table(&aws).await;
        let key = item["pk"]["S"].as_str().unwrap().parse().unwrap();
        let row = table.load(&[key]).await.remove(0).unwrap().unwrap();
        table.insert(std::slice::from_ref(&row)).await.remove(0).unwrap();
        let written = only_call(&aws, "PutItem").body["Item"].clone();
        let (written, item) = (written.as_object().unwrap(), item.as_object().unwrap());
        for (name, value) in item.iter().filter(|(name, _)| *name != "row") {
            assert_eq!(written.get(name), Some(value), "{name}");
        }
        let parse = |item: &serde_json::Map<String, Value>| -> Value {
            serde_json::from_str(item["row"]["S"].as_str().unwrap()).unwrap()
        };
        assert_eq!(parse(written), parse(item));
        assert_eq!(written.len(), item.len(), "{written:#?}");
    }
}

#[tokio::test]
async fn update_leaves_constant_attributes_alone() {
    let aws = AwsStub::new([(200, json!({}))]).await;
    table(&aws).await.update(&[Row { rev: 8, ..row() }]).await.remove(0).unwrap();
    let names = aws.call().body["ExpressionAttributeNames"].clone();
    assert!(names.get("#row").is_some(), "{names}");
    assert!(names.get("#listed").is_none() && names.get("#received_at").is_none(), "{names}");
}

#[tokio::test]
async fn project_item_is_written_once_an_hour() {
    let aws = AwsStub::new([(200, json!({}))]).await;
    let table = table(&aws).await;
    let later = |minutes: u64| Row { received_at: row().received_at + Duration::from_secs(minutes * 60), ..row() };
    for (minutes, expected) in [(0, 1), (59, 1), (60, 2), (61, 2)] {
        table.insert(&[later(minutes)]).await.remove(0).unwrap();
        let written = aws.calls().into_iter().filter(|call| call.operation == "UpdateItem").count();
        assert_eq!(written, expected, "after {minutes} min");
    }
    let calls = aws.calls();
    let call = calls.iter().find(|call| call.operation == "UpdateItem").unwrap();
    assert_eq!(call.body["Key"], json!({"pk": {"S": "#project#demo"}}));
    let update = call.body["UpdateExpression"].as_str().unwrap();
    assert!(update.contains("#received_at = if_not_exists(#received_at, :received_at)"), "{update}");
    assert!(update.ends_with("ADD #rev :one"), "{update}");
    assert_eq!(call.body["ExpressionAttributeValues"][":listed"], json!({"S": "#/0"}));
    assert_eq!(call.body["ExpressionAttributeValues"][":schema"], json!({"N": "1"}));
}

/// Each of these names is asked for once, as in a flood.
#[tokio::test]
async fn flood_of_unknown_projects_writes_few_project_items() {
    let aws = AwsStub::new([(200, json!({}))]).await;
    let table = table(&aws).await;
    let of_project = |name: String, minutes: u64| {
        let request = Request { project: name.parse().unwrap(), ..row().request };
        let key = JobKey::for_request(&request, "m-1").unwrap();
        Row { key, request, received_at: row().received_at + Duration::from_secs(minutes * 60), ..row() }
    };
    let is_item =
        |call: &AwsStubCall| call.body["Key"]["pk"]["S"].as_str().is_some_and(|key| key.starts_with("#project#"));
    let items = || aws.calls().iter().filter(|call| is_item(call)).count();
    let flood: Vec<Row> = (0..300).map(|number| of_project(format!("unknown-{number}"), 0)).collect();
    table.insert(&flood).await;
    assert_eq!(items(), 10);
    let later: Vec<Row> = (0..300).map(|number| of_project(format!("later-{number}"), 1)).collect();
    table.insert(&later).await;
    assert_eq!(items(), 20, "a minute later");
    // A registered project's job is accepted in the middle of the flood: the write that accepts it lists its project.
    let received = of_project("registered".to_owned(), 1);
    table.insert(std::slice::from_ref(&received)).await;
    assert_eq!(items(), 20);
    let item: Value = serde_json::from_str(include_str!("items/v1/due.json")).unwrap();
    let Row { phase, .. } = serde_json::from_str(item["row"]["S"].as_str().unwrap()).unwrap();
    let accepted = Row { phase, rev: 2, ..received };
    for _ in 0..2 {
        table.update(std::slice::from_ref(&accepted)).await;
        assert_eq!(items(), 21, "once an hour");
    }
}

#[tokio::test]
async fn failed_project_item_does_not_fail_the_insert() {
    let denied = error_response("AccessDeniedException", "not you");
    let aws = AwsStub::new([(200, json!({}))]).await;
    let table = table(&aws).await;
    aws.fail_operation("UpdateItem", denied);
    for expected in [1, 2] {
        assert_eq!(table.insert(&[row()]).await, [Ok(InsertOutcome::Inserted)]);
        let tries = aws.calls().into_iter().filter(|call| call.operation == "UpdateItem").count();
        assert_eq!(tries, expected, "the next insert tries again");
    }
}

#[tokio::test]
async fn last_sweep_has_the_installation_limit_if_there_is_one() {
    for (written, expected) in [(json!({ "N": "3" }), Some(3)), (json!({ "N": "0" }), None), (json!(null), None)] {
        let mut item = json!({ "at": { "N": "5" }, "max_builds": written });
        // An older worker does not write it.
        if written.is_null() {
            item.as_object_mut().unwrap().remove("max_builds");
        }
        let aws = AwsStub::new([(200, json!({ "Item": item }))]).await;
        assert_eq!(table(&aws).await.last_sweep().await.unwrap().unwrap().max_builds, expected);
    }
}

#[tokio::test]
async fn heartbeat_item_has_schema_rev_and_expiry() {
    let aws = AwsStub::new([(200, json!({}))]).await;
    table(&aws).await.write_heartbeat(row().received_at, &heartbeat_worker()).await.unwrap();
    let body = aws.call().body;
    assert_eq!(body["Key"], json!({"pk": {"S": "#heartbeat"}}));
    let values = &body["ExpressionAttributeValues"];
    for name in [":at", ":instance", ":principal", ":max_builds", ":schema", ":expires_at"] {
        assert!(values.get(name).is_some(), "{name} in {values}");
    }
    assert!(body["UpdateExpression"].as_str().unwrap().ends_with("ADD #rev :one"));
}

#[tokio::test]
async fn insert_requires_absent_row() {
    let aws = AwsStub::new([(200, json!({}))]).await;
    assert_eq!(table(&aws).await.insert(&[row()]).await, [Ok(InsertOutcome::Inserted)]);
    assert_eq!(only_call(&aws, "PutItem").body["ConditionExpression"], "attribute_not_exists(pk)");

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
    let newer = Row::MAX_SCHEMA + 1;
    assert_eq!(load(item(newer)).await, Err(LoadError::NewerSchema(newer)));
    assert!(matches!(load(json!({"Item": {"pk": {"S": "x"}}})).await, Err(LoadError::Corrupt(_))));
    let truncated = json!({"Item": {"schema": {"N": "1"}, "row": {"S": "{"}}});
    assert!(matches!(load(truncated).await, Err(LoadError::Corrupt(_))));
}
