use doorbell_engine::domain::{BuildQuery, BuildVariable, BuildVariableKind, LaunchSpec, StartOutcome, Timestamp};
use doorbell_engine::ports::BuildProvider;
use serde_json::{Value, json};

use super::{AwsStub, error_response};
use crate::aws::clock::AwsClock;
use crate::provider::CodeBuildProvider;

const TOKEN: &str = "0123456789abcdef";

fn spec() -> LaunchSpec {
    let variable = BuildVariable { name: "A".to_owned(), value: "b".to_owned(), kind: BuildVariableKind::Plaintext };
    LaunchSpec { build_project: "builds".parse().unwrap(), timeout_minutes: 60, environment: vec![variable] }
}

async fn provider(aws: &AwsStub) -> CodeBuildProvider {
    CodeBuildProvider::new(&aws.sdk().await, &AwsClock::default())
}

async fn start(answer: (u16, Value)) -> (StartOutcome, AwsStub) {
    let aws = AwsStub::new([answer]).await;
    (provider(&aws).await.start(&spec(), TOKEN).await, aws)
}

#[tokio::test]
async fn start_build_sends_idempotency_token() {
    let answer = json!({"build": {"id": "builds:1", "buildNumber": 7, "initiator": "doorbell-worker/x"}});
    let (outcome, aws) = start((200, answer)).await;
    let StartOutcome::Started(build) = outcome else { panic!("{outcome:?}") };
    assert_eq!((build.id.as_str(), build.number), ("builds:1", Some(7)));
    assert_eq!(aws.call().operation, "StartBuild");
    assert_eq!(aws.call().body["idempotencyToken"], TOKEN);
}

/// The SDK by itself would send it again, minutes after its claim perhaps.
#[tokio::test]
async fn failed_start_build_is_not_retried_by_the_sdk() {
    for answer in [(500, json!({})), error_response("ThrottlingException", "slow down")] {
        let (_, aws) = start(answer).await;
        assert_eq!(aws.calls().len(), 1);
    }
}

#[tokio::test]
async fn start_build_error_maps_to_start_outcome() {
    let check = async |answer: (u16, Value), expected: &str| {
        let (outcome, _) = start(answer.clone()).await;
        assert!(format!("{outcome:?}").starts_with(expected), "{answer:?}: {outcome:?}");
    };
    check(error_response("AccountLimitExceededException", "Cannot have more than 20 builds"), "Limited").await;
    check(error_response("ThrottlingException", "Rate exceeded"), "Limited").await;
    check(error_response("InvalidInputException", "Invalid project name"), "Invalid").await;
    check(error_response("InvalidInputException", "The idempotencyToken was used with other parameters"), "Unknown")
        .await;
    check(error_response("AccessDeniedException", "not authorized"), "Denied").await;
    check(error_response("ResourceNotFoundException", "Project cannot be found"), "Denied").await;
    // Credentials that expired in use: nothing was started, and fresh ones may do.
    check(error_response("ExpiredTokenException", "The security token is expired"), "Denied").await;
    check(error_response("SomethingNewException", "a code of a later day"), "Unknown").await;
    check((500, json!({})), "Unknown").await;
    check((200, json!({})), "Unknown").await;
}

#[tokio::test]
async fn build_search_stops_at_builds_older_than_cutoff() {
    let ids = |id: &str| (200, json!({"ids": [id], "nextToken": "more"}));
    let builds = |id: &str, at: u32| (200, json!({"builds": [{"id": id, "startTime": at}]}));
    let aws = AwsStub::new([ids("b:3"), builds("b:3", 3000), ids("b:2"), builds("b:2", 1000), ids("b:1")]).await;
    let not_before = Timestamp::from_millis(2_000_000);
    let query = BuildQuery { build_project: "builds".parse().unwrap(), not_before, asked_at: not_before };
    let found = provider(&aws).await.list(&query).await.unwrap();
    assert_eq!(found.iter().map(|build| build.id.as_str()).collect::<Vec<_>>(), ["b:3", "b:2"]);
    let lists: Vec<_> = aws.calls().into_iter().filter(|call| call.operation == "ListBuildsForProject").collect();
    // With more than a hundred builds, CodeBuild refuses a sortOrder.
    assert!(lists.iter().all(|call| call.body.get("sortOrder").is_none()), "{lists:#?}");
}

#[tokio::test]
async fn build_search_with_failed_page_is_an_error() {
    let aws = AwsStub::new([(200, json!({"ids": ["b:3"]})), error_response("AccessDeniedException", "not you")]).await;
    let at = Timestamp::from_millis(0);
    let query = BuildQuery { build_project: "builds".parse().unwrap(), not_before: at, asked_at: at };
    assert!(provider(&aws).await.list(&query).await.is_err());
}
