use doorbell_engine::ports::BuildSlots;
use serde_json::{Value, json};

use super::ledger::{row, table};
use super::{AwsStub, error_response};

#[tokio::test]
async fn slot_is_taken_by_one_conditional_write() {
    let take = async |answer| {
        let aws = AwsStub::new([answer]).await;
        let outcome = table(&aws).await.take(&row().key, 30).await;
        (outcome, aws.call().body)
    };
    let (outcome, body) = take((200, json!({}))).await;
    assert_eq!(outcome, Ok(true));
    let condition = "attribute_not_exists(#jobs) OR contains(#jobs, :job) OR size(#jobs) < :max";
    assert_eq!((&body["ConditionExpression"], &body["Key"]), (&json!(condition), &json!({"pk": {"S": "#slots"}})));
    let job = row().key.as_str().to_owned();
    let values = json!({":jobs": {"SS": [job]}, ":job": {"S": job}, ":max": {"N": "30"}});
    assert_eq!(body["ExpressionAttributeValues"], values);
    let full = error_response("ConditionalCheckFailedException", "The conditional request failed");
    assert_eq!(take(full).await.0, Ok(false));
    let denied = take(error_response("AccessDeniedException", "not you")).await.0;
    assert!(denied.is_err(), "{denied:?}");
}

#[tokio::test]
async fn slots_are_released_and_listed() {
    let aws = AwsStub::new([(200, json!({}))]).await;
    table(&aws).await.release(&[row().key]).await.unwrap();
    let body = aws.call().body;
    assert_eq!((&body["UpdateExpression"], &body["ConditionExpression"]), (&json!("DELETE #jobs :jobs"), &Value::Null));
    let item = json!({"Item": {"pk": {"S": "#slots"}, "jobs": {"SS": [row().key.as_str(), "no key"]}}});
    let aws = AwsStub::new([(200, item)]).await;
    assert_eq!(table(&aws).await.holders().await.unwrap(), [row().key]);
    assert_eq!(aws.call().body["ConsistentRead"], true);
    let aws = AwsStub::new([(200, json!({}))]).await;
    assert!(table(&aws).await.holders().await.unwrap().is_empty());
}
