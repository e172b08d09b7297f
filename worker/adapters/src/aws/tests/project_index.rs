//! Reads of the index `by_project`, whose partitions answer in any order.

use doorbell_engine::domain::Row;
use doorbell_messages::{JobKey, ProjectName};
use serde_json::{Value, json};

use super::ledger::{row, table};
use super::{AwsStub, error_response};

fn key(number: u8) -> JobKey {
    format!("demo#ci-{number}#{number:024x}").parse().unwrap()
}

fn index_item(number: u8, shard: u8) -> Value {
    json!({
        "pk": {"S": key(number).as_str()},
        "listed": {"S": format!("demo/{shard}")},
        "received_at": {"N": number.to_string()},
    })
}

/// A page of jobs, named by the time they were received; `next` is where the next page begins.
fn page(shard: u8, numbers: &[u8], next: Option<u8>) -> Value {
    let items: Vec<Value> = numbers.iter().map(|number| index_item(*number, shard)).collect();
    let mut page = json!({ "Items": items });
    if let Some(next) = next {
        page["LastEvaluatedKey"] = index_item(next, shard);
    }
    page
}

async fn stub() -> AwsStub {
    AwsStub::new([(200, json!({}))]).await
}

#[tokio::test]
async fn jobs_of_a_project_are_merged_newest_first_over_pages() {
    let aws = stub().await;
    for (shard, numbers, next) in [
        (0, &[90, 70][..], Some(70)),
        (0, &[10], None),
        (1, &[80, 20], None),
        // A page may have no item though another one follows.
        (2, &[], Some(60)),
        (2, &[50], None),
    ] {
        aws.answer_matching(&format!("\"demo/{shard}\""), page(shard, numbers, next));
    }
    let table = table(&aws).await;
    let mut keys = table.latest_job_keys(&["demo".parse::<ProjectName>().unwrap()]);
    for (count, expected) in [(3, &[90, 80, 70][..]), (1, &[50]), (9, &[20, 10]), (9, &[])] {
        let expected: Vec<JobKey> = expected.iter().copied().map(key).collect();
        assert_eq!(keys.next(count).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn index_query_goes_backwards_and_continues_after_a_page() {
    let aws = stub().await;
    aws.answer_matching("\"demo/2\"", page(2, &[], Some(60)));
    aws.answer_matching("\"demo/2\"", page(2, &[50], None));
    let ledger = table(&aws).await;
    ledger.latest_job_keys(&["demo".parse().unwrap()]).next(3).await.unwrap();
    let calls = aws.calls();
    for call in &calls {
        assert_eq!(call.operation, "Query");
        assert_eq!(call.body["IndexName"], "by_project");
        assert_eq!(call.body["ScanIndexForward"], false);
        assert_eq!(call.body["Limit"], 3);
    }
    let starts: Vec<&Value> = calls.iter().map(|call| &call.body["ExclusiveStartKey"]).collect();
    assert_eq!(starts.len(), 5, "four partitions, one of two pages");
    assert_eq!(starts.into_iter().filter(|start| !start.is_null()).collect::<Vec<_>>(), [&index_item(60, 2)]);
}

#[tokio::test]
async fn projects_are_read_from_their_items() {
    let project = |name: &str| json!({"pk": {"S": name}, "listed": {"S": "#/0"}, "received_at": {"N": "1"}});
    let aws = stub().await;
    let next = project("#project#demo");
    aws.answer_matching("#/0", json!({"Items": [next.clone()], "LastEvaluatedKey": next}));
    aws.answer_matching(
        "#/0",
        json!({"Items": [project("#project#shop.web"), project("#other"), project("#project#")]}),
    );
    let projects = table(&aws).await.projects().await.unwrap();
    assert_eq!(projects.iter().map(ProjectName::as_str).collect::<Vec<_>>(), ["demo", "shop.web"]);
}

#[tokio::test]
async fn rows_that_cannot_be_read_are_counted() {
    let item = |key: &JobKey, schema: u32| {
        let json = serde_json::to_string(&Row { key: key.clone(), ..row() }).unwrap();
        json!({"Item": {"pk": {"S": key.as_str()}, "schema": {"N": schema.to_string()}, "row": {"S": json}}})
    };
    let keys: Vec<JobKey> = (1..=4).map(key).collect();
    let aws = stub().await;
    aws.answer_matching(keys[0].as_str(), item(&keys[0], 1));
    aws.answer_matching(keys[1].as_str(), item(&keys[1], Row::MAX_SCHEMA + 1));
    aws.answer_matching(keys[2].as_str(), item(&keys[2], 1));
    let found = table(&aws).await.rows(&keys).await.unwrap();
    let read: Vec<&JobKey> = found.rows.iter().map(|row| &row.key).collect();
    assert_eq!((read, found.unreadable), (vec![&keys[0], &keys[2]], 1), "the last one expired");
}

#[tokio::test]
async fn denied_index_query_is_an_error_and_no_empty_list() {
    let aws = AwsStub::new([error_response("AccessDeniedException", "not you")]).await;
    let ledger = table(&aws).await;
    assert_eq!(ledger.projects().await.unwrap_err().call, "Query");
    assert!(ledger.latest_job_keys(&["demo".parse().unwrap()]).next(1).await.is_err());
}
