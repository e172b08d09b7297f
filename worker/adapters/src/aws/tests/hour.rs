use doorbell_engine::domain::{CountOutcome, HourlyCount};
use doorbell_engine::ports::JobCounter;
use serde_json::json;

use super::ledger::{row, table};
use super::{AwsStub, error_response};

#[tokio::test]
async fn job_is_counted_by_one_conditional_write() {
    let count = async |answer| {
        let aws = AwsStub::new([answer]).await;
        let outcome = table(&aws).await.count(&HourlyCount::of(&row()), 30).await;
        (outcome, aws.call().body)
    };
    let (outcome, body) = count((200, json!({}))).await;
    assert_eq!(outcome, CountOutcome::Counted);
    let condition = "attribute_not_exists(#jobs) OR contains(#jobs, :job) OR size(#jobs) < :max";
    assert_eq!(body["ConditionExpression"], condition);
    let values = &body["ExpressionAttributeValues"];
    let job = &HourlyCount::of(&row()).job;
    assert_eq!((&values[":jobs"], &values[":job"]), (&json!({"SS": [job]}), &json!({"S": job})));
    assert_eq!(values[":max"], json!({"N": "30"}));
    let full = error_response("ConditionalCheckFailedException", "The conditional request failed");
    assert_eq!(count(full).await.0, CountOutcome::LimitReached);
    let denied = count(error_response("AccessDeniedException", "not you")).await.0;
    assert!(matches!(denied, CountOutcome::Failed(_)), "{denied:?}");
}
