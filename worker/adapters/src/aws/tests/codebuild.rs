use doorbell_engine::domain::{
    BuildOutcome, BuildQuery, BuildState, BuildVariable, BuildVariableKind, FailedStage, LaunchSpec, ProviderBuild,
    StartOutcome, Timestamp,
};
use doorbell_engine::ports::{BuildProvider, DescribeError};
use doorbell_messages::BuildId;
use serde_json::{Value, json};

use super::{AwsStub, error_response};
use crate::aws::Initiator;
use crate::aws::clock::AwsClock;
use crate::provider::CodeBuildProvider;

const TOKEN: &str = "0123456789abcdef";

pub(super) fn spec() -> LaunchSpec {
    let variable = BuildVariable { name: "A".to_owned(), value: "b".to_owned(), kind: BuildVariableKind::Plaintext };
    LaunchSpec { target: "builds".parse().unwrap(), timeout_minutes: 60, environment: vec![variable], pinned: false }
}

async fn provider(aws: &AwsStub) -> CodeBuildProvider {
    CodeBuildProvider::new(&aws.sdk().await, &AwsClock::default(), Initiator::Role("doorbell-worker".to_owned()))
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

/// A pinned build project has its own timeout, which the owner set.
#[tokio::test]
async fn start_of_a_pinned_build_overrides_only_variables() {
    let check = async |pinned: bool, overrides: &[&str]| {
        let aws = AwsStub::new([(200, json!({"build": {"id": "builds:1"}}))]).await;
        provider(&aws).await.start(&LaunchSpec { pinned, ..spec() }, TOKEN).await;
        let body = aws.call().body;
        let fields = body.as_object().unwrap().keys().map(String::as_str);
        assert_eq!(fields.filter(|field| field.ends_with("Override")).collect::<Vec<_>>(), overrides, "{body}");
    };
    check(true, &["environmentVariablesOverride"]).await;
    check(false, &["environmentVariablesOverride", "timeoutInMinutesOverride"]).await;
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
    check(error_response("ThrottlingException", "Rate exceeded"), "Throttled").await;
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

/// The error of a build project's own limit is not documented: the words decide, and no name among them.
#[tokio::test]
async fn refused_start_that_names_a_concurrency_limit_is_limited() {
    let check = async |code: &str, words: &str, expected: &str| {
        let (outcome, _) = start(error_response(code, words)).await;
        assert!(format!("{outcome:?}").starts_with(expected), "{code}: {words}: {outcome:?}");
    };
    for code in ["InvalidInputException", "ValidationException", "ClientException", "ResourceNotFoundException"] {
        check(code, "Cannot have more than 1 builds in queue for the project", "Limited").await;
        check(code, "The project's concurrent build limit was exceeded", "Limited").await;
        check(code, "Maximum number of concurrent builds reached: 5", "Limited").await;
    }
    let denied =
        "not authorized to perform codebuild:StartBuild on arn:aws:codebuild:eu-north-1:1:project/concurrent-limit";
    check("AccessDeniedException", denied, "Denied").await;
    check("ResourceNotFoundException", "Project cannot be found: concurrent_limit", "Denied").await;
    check("InvalidInputException", "Invalid project name: concurrent-limit", "Invalid").await;
    let (outcome, _) =
        start((500, json!({"__type": "InternalFailure", "message": "Cannot have more than 5 builds"}))).await;
    assert!(matches!(outcome, StartOutcome::Unknown(_)), "the server does not say whether it ran: {outcome:?}");
}

#[tokio::test]
async fn describe_tells_a_refused_id_from_a_missing_answer() {
    let check = async |answer: (u16, Value), is_refused: bool| {
        let aws = AwsStub::new([answer.clone()]).await;
        let error = provider(&aws).await.describe(&[BuildId::new("builds:1")]).await.unwrap_err();
        assert_eq!(matches!(error, DescribeError::Refused(_)), is_refused, "{answer:?}: {error:?}");
    };
    check(error_response("AccessDeniedException", "not you"), true).await;
    check(error_response("InvalidInputException", "Invalid build id"), true).await;
    check(error_response("ExpiredTokenException", "expired"), false).await;
    check(error_response("ThrottlingException", "slow down"), false).await;
}

#[tokio::test]
async fn build_search_stops_at_builds_older_than_cutoff() {
    let ids = |id: &str| (200, json!({"ids": [id], "nextToken": "more"}));
    let builds = |id: &str, at: u32| (200, json!({"builds": [{"id": id, "startTime": at}]}));
    let aws = AwsStub::new([ids("b:3"), builds("b:3", 3000), ids("b:2"), builds("b:2", 1000), ids("b:1")]).await;
    let not_before = Timestamp::from_millis(2_000_000);
    let query = BuildQuery { target: "builds".parse().unwrap(), not_before, asked_at: not_before };
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
    let query = BuildQuery { target: "builds".parse().unwrap(), not_before: at, asked_at: at };
    assert!(provider(&aws).await.list(&query).await.is_err());
}

/// The build of a StartBuild that was answered with these fields.
async fn described(mut build: Value) -> ProviderBuild {
    build["id"] = "builds:1".into();
    match start((200, json!({ "build": build }))).await.0 {
        StartOutcome::Started(build) => build,
        outcome => panic!("{outcome:?}"),
    }
}

async fn check_state(build: Value, expected: BuildState) {
    assert_eq!(described(build.clone()).await.state, expected, "{build}");
}

fn ended(status: &str, stage: Option<(&str, &str)>) -> Value {
    let stage = stage.map(|(name, message)| {
        json!({"phaseType": name, "phaseStatus": "FAILED", "contexts": [{"statusCode": "X", "message": message}]})
    });
    let succeeded = json!({"phaseType": "SUBMITTED", "phaseStatus": "SUCCEEDED"});
    let stages: Vec<Value> = [Some(succeeded), stage].into_iter().flatten().collect();
    json!({"buildComplete": true, "buildStatus": status, "phases": stages})
}

#[tokio::test]
async fn build_status_maps_to_build_state() {
    let end = BuildState::Ended;
    let stage = |name: &str, message: &str| Some(FailedStage { name: name.to_owned(), message: message.to_owned() });
    check_state(ended("SUCCEEDED", None), end(BuildOutcome::Success)).await;
    check_state(ended("STOPPED", None), end(BuildOutcome::Canceled)).await;
    check_state(ended("TIMED_OUT", None), end(BuildOutcome::TimedOut)).await;
    check_state(ended("FAULT", None), end(BuildOutcome::InfrastructureFailed(None))).await;
    let fault = end(BuildOutcome::InfrastructureFailed(stage("PROVISIONING", "no host")));
    check_state(ended("FAULT", Some(("PROVISIONING", "no host"))), fault).await;
    let failed = end(BuildOutcome::FailedOutsideCommand(stage("QUEUED", "CLIENT_ERROR: role")));
    check_state(ended("FAILED", Some(("QUEUED", "CLIENT_ERROR: role"))), failed).await;
    check_state(ended("FAILED", None), end(BuildOutcome::FailedOutsideCommand(None))).await;
    let unknown = end(BuildOutcome::Unknown { status: "VAPORIZED".to_owned() });
    check_state(ended("VAPORIZED", None), unknown).await;
}

#[tokio::test]
async fn failed_phase_shows_whether_the_command_ran() {
    let reached = |status, stage| async move { described(ended(status, stage)).await.reached_command };
    for phase in ["SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD"] {
        assert_eq!(reached("FAILED", Some((phase, "no"))).await, Some(false), "{phase}");
    }
    assert_eq!(reached("FAILED", Some(("BUILD", "exit status 1"))).await, Some(true));
    for unclear in [None, Some(("POST_BUILD", "no")), Some(("VAPORIZED", "no"))] {
        assert_eq!(reached("FAILED", unclear).await, None, "{unclear:?}");
    }
}

#[tokio::test]
async fn build_that_is_not_complete_has_not_ended() {
    for status in ["IN_PROGRESS", "SUCCEEDED", "VAPORIZED"] {
        let build = |phase: &str| json!({"buildComplete": false, "buildStatus": status, "currentPhase": phase});
        check_state(build("BUILD"), BuildState::Running).await;
        check_state(build("QUEUED"), BuildState::Queued).await;
        check_state(build("SUBMITTED"), BuildState::Queued).await;
    }
}

#[tokio::test]
async fn exit_code_is_read_from_the_message_of_the_build_phase() {
    let check = async |message: &str, expected: BuildOutcome| {
        check_state(ended("FAILED", Some(("BUILD", message))), BuildState::Ended(expected)).await;
    };
    let message = "Error while executing command: doorbell-runner. Reason: exit status 3";
    check(message, BuildOutcome::CommandFailed { exit_code: 3 }).await;
    let message = "COMMAND_EXECUTION_ERROR: exit status 128, exit status 239.";
    check(message, BuildOutcome::CommandFailed { exit_code: 239 }).await;
    check("exit status 242", BuildOutcome::RunnerFailed { exit_code: 242 }).await;
}

#[tokio::test]
async fn exit_code_outside_the_build_phase_is_not_read() {
    let stage = FailedStage { name: "INSTALL".to_owned(), message: "exit status 3".to_owned() };
    let expected = BuildState::Ended(BuildOutcome::FailedOutsideCommand(Some(stage)));
    check_state(ended("FAILED", Some(("INSTALL", "exit status 3"))), expected).await;
}

#[tokio::test]
async fn build_phase_message_without_exit_code_has_none() {
    for message in ["exit status", "exit status x", "exit status 99999999999999999999"] {
        let state = described(ended("FAILED", Some(("BUILD", message)))).await.state;
        assert!(matches!(state, BuildState::Ended(BuildOutcome::FailedOutsideCommand(Some(_)))), "{message:?}");
    }
}

#[tokio::test]
async fn build_of_another_initiator_is_not_own() {
    let is_own = async |initiator: Value| described(json!({ "initiator": initiator })).await.is_own;
    assert!(is_own(json!("doorbell-worker/session")).await);
    for other in [json!(null), json!("another-role/x"), json!("doorbell-worker-2/x"), json!("doorbell-worker")] {
        assert!(!is_own(other.clone()).await, "{other}");
    }
}
