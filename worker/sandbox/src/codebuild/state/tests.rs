use serde_json::json;

use super::super::options::UndocumentedBehavior;
use super::*;

fn location() -> AwsLocation {
    AwsLocation {
        region: "eu-central-1".to_owned(),
        account: "111122223333".to_owned(),
        url: "https://here".to_owned(),
    }
}

pub(in crate::codebuild) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub(in crate::codebuild) fn state(settings: CodeBuildSettings, own_limit: Option<usize>) -> CodeBuildState {
    let project = json!({
        "name": "demo",
        "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {"type": "LINUX_CONTAINER", "image": "any", "computeType": "BUILD_GENERAL1_SMALL"},
        "serviceRole": "arn:aws:iam::111122223333:role/build",
        "concurrentBuildLimit": own_limit,
    });
    let mut state = CodeBuildState::new(settings);
    state.create_project(serde_json::from_value(project).unwrap(), at(0)).unwrap();
    state
}

/// Starts a build with that token and value of a variable; returns the build's uuid or the error's code.
fn start(state: &mut CodeBuildState, token: &str, value: &str, second: i64) -> Result<String, String> {
    let call = json!({
        "projectName": "demo",
        "idempotencyToken": token,
        "environmentVariablesOverride": [{"name": "A", "value": value}],
    });
    let call: StartBuildInput = serde_json::from_value(call).unwrap();
    let uuid = format!("uuid-{second}");
    match state.start(&call, "initiator", &uuid, &location(), at(second)) {
        Ok(StartResult::New(build) | StartResult::Existing(build)) => Ok(build.uuid),
        Err(error) => Err(error.code),
    }
}

pub(in crate::codebuild) fn start_many(state: &mut CodeBuildState, count: i64) {
    for second in 0..count {
        start(state, &format!("token-{second}"), "", second).unwrap();
    }
}

pub(in crate::codebuild) fn start_one(state: &mut CodeBuildState, token: &str) {
    start(state, token, "", 900).unwrap();
}

const LIMIT: &str = "AccountLimitExceededException";

#[test]
fn repeated_token_returns_same_build_until_it_expires() {
    let mut state = state(CodeBuildSettings::default(), None);
    let first = Ok("uuid-1".to_owned());
    assert_eq!(start(&mut state, "t", "one", 1), first);
    assert_eq!(start(&mut state, "t", "one", 2), first);
    assert_eq!(start(&mut state, "t", "two", 3), Err("InvalidInputException".to_owned()));
    assert_eq!(start(&mut state, "other", "one", 4), Ok("uuid-4".to_owned()));
    assert_eq!(start(&mut state, "t", "one", 300), first, "a repeated call does not extend its token's lifetime");
    assert_eq!(start(&mut state, "t", "two", 301), Ok("uuid-301".to_owned()));
    assert_eq!(state.builds().iter().map(|build| build.number).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn token_mismatch_returns_the_configured_error() {
    let undocumented = UndocumentedBehavior { mismatch_error: "Other".to_owned(), ..UndocumentedBehavior::default() };
    let mut state = state(CodeBuildSettings { undocumented, ..CodeBuildSettings::default() }, None);
    start(&mut state, "t", "one", 1).unwrap();
    assert_eq!(start(&mut state, "t", "two", 2), Err("Other".to_owned()));
}

#[test]
fn start_beyond_project_limit_fails_at_once() {
    let mut state = state(CodeBuildSettings::default(), Some(1));
    start(&mut state, "a", "", 1).unwrap();
    assert_eq!(start(&mut state, "b", "", 2), Err(LIMIT.to_owned()));
    let id = state.builds()[0].id.clone();
    state.update_build(&id, |build| build.complete(at(3)));
    assert_eq!(start(&mut state, "b", "", 4), Ok("uuid-4".to_owned()));
}

#[test]
fn account_queue_holds_five_times_the_limit() {
    let check = |queue: QueuePolicy, own_limit: Option<usize>, accepted: i64| {
        let mut state = state(CodeBuildSettings { account_limit: 2, queue, ..CodeBuildSettings::default() }, own_limit);
        start_many(&mut state, accepted);
        assert_eq!(start(&mut state, "more", "", 100), Err(LIMIT.to_owned()), "{queue:?}");
    };
    check(QueuePolicy::FiveTimesLimit, None, 12);
    check(QueuePolicy::NoQueue, None, 2);
    // A project with a limit of its own never waits.
    check(QueuePolicy::FiveTimesLimit, Some(9), 2);
}

#[test]
fn running_builds_never_exceed_account_limit() {
    let mut state = state(CodeBuildSettings { account_limit: 1, ..CodeBuildSettings::default() }, None);
    start_many(&mut state, 2);
    let ids: Vec<_> = state.builds().iter().map(|build| build.id.clone()).collect();
    assert!(state.try_start_running(&ids[1]));
    assert!(!state.try_start_running(&ids[0]));
    state.update_build(&ids[1], |build| build.complete(at(9)));
    assert!(state.try_start_running(&ids[0]));
}

#[test]
fn undocumented_behavior_follows_the_settings() {
    let check = |limit_before_token: bool, refusal_takes_token: bool, expected: [Result<&str, &str>; 2]| {
        let undocumented = UndocumentedBehavior {
            limit_before_token,
            refusal_consumes_token: refusal_takes_token,
            ..UndocumentedBehavior::default()
        };
        let mut state = state(CodeBuildSettings { undocumented, ..CodeBuildSettings::default() }, Some(1));
        start(&mut state, "a", "", 1).unwrap();
        start(&mut state, "b", "", 2).unwrap_err();
        let repeated = start(&mut state, "a", "", 3);
        let id = state.builds()[0].id.clone();
        state.update_build(&id, |build| build.complete(at(4)));
        let after_refusal = start(&mut state, "b", "", 5);
        let expected = expected.map(|outcome| outcome.map(str::to_owned).map_err(str::to_owned));
        assert_eq!([repeated, after_refusal], expected);
    };
    check(false, false, [Ok("uuid-1"), Ok("uuid-5")]);
    check(true, false, [Err(LIMIT), Ok("uuid-5")]);
    check(false, true, [Ok("uuid-1"), Err(LIMIT)]);
}

#[test]
fn token_with_zero_lifetime_does_not_deduplicate() {
    let mut state = state(CodeBuildSettings { token_lifetime: Duration::ZERO, ..CodeBuildSettings::default() }, None);
    start(&mut state, "t", "", 1).unwrap();
    assert_eq!(start(&mut state, "t", "", 2), Ok("uuid-2".to_owned()));
}
