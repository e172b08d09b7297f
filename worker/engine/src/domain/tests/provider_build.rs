use doorbell_messages::{RunnerExit, Status};
use serde_json::json;

use super::{JobHarness, RUNNING, SUCCESS, failed_stage};
use crate::domain::{BuildOutcome, BuildState, ProviderBuild, one_line};

#[track_caller]
fn check(outcome: BuildOutcome, expected: (Status, &str)) {
    let build = JobHarness::starting(json!({})).build(1, BuildState::Ended(outcome));
    let (status, text) = build.final_status().unwrap();
    assert_eq!((status, text.as_str()), expected);
}

#[test]
fn build_outcome_maps_to_job_status() {
    check(BuildOutcome::Success, (Status::Success, "passed after 42 s"));
    check(BuildOutcome::Canceled, (Status::Canceled, "stopped after 42 s"));
    let text = "the provider ended the build at its time limit after 42 s";
    check(BuildOutcome::TimedOut, (Status::Error, text));
    check(BuildOutcome::InfrastructureFailed(None), (Status::Error, "the provider failed after 42 s"));
    check(
        BuildOutcome::InfrastructureFailed(Some(failed_stage("PROVISIONING", "no\nhost"))),
        (Status::Error, "the provider failed after 42 s: PROVISIONING: no host"),
    );
    check(
        BuildOutcome::FailedOutsideCommand(Some(failed_stage("QUEUED", "CLIENT_ERROR: role"))),
        (Status::Error, "the build failed outside the command after 42 s: QUEUED: CLIENT_ERROR: role"),
    );
    let text = "the build failed outside the command after 42 s";
    check(BuildOutcome::FailedOutsideCommand(None), (Status::Error, text));
}

#[test]
fn build_that_has_not_ended_has_no_final_status() {
    for state in [BuildState::Queued, RUNNING] {
        assert_eq!(JobHarness::starting(json!({})).build(1, state).final_status(), None);
    }
}

#[test]
fn command_exit_code_is_a_failure() {
    for code in [1, 3, 128, 239, 248, 256, i32::MAX] {
        let text = format!("the command exited with {code} after 42 s");
        check(BuildOutcome::from_exit_code(code), (Status::Failure, &text));
    }
}

#[test]
fn reserved_runner_exit_code_is_an_error() {
    for code in RunnerExit::RESERVED.filter(|code| *code != RunnerExit::OlderCommit.code()) {
        let outcome = BuildOutcome::from_exit_code(code.into());
        let (status, text) =
            JobHarness::starting(json!({})).build(1, BuildState::Ended(outcome)).final_status().unwrap();
        assert_eq!(status, Status::Error, "{code}");
        assert!(text.contains(&format!("runner code {code}")), "{text}");
    }
}

#[test]
fn older_commit_cancels_the_job() {
    let text = "the commit is older than another one of its ref: stepped aside after 42 s";
    check(BuildOutcome::from_exit_code(247), (Status::Canceled, text));
}

#[test]
fn foreign_text_is_sanitized_to_one_short_line() {
    assert_eq!(one_line(" a\r\nb\u{1b}[31m\u{202e}c\u{2066}\u{85} "), "a  b [31m c");
    assert_eq!(one_line(&"é".repeat(1000)).chars().count(), 300);
}

#[test]
fn duration_is_formatted_for_people() {
    let cases = [
        (0, "0.0 s"),
        (430, "0.4 s"),
        (9_940, "9.9 s"),
        (10_000, "10 s"),
        (61_000, "1 min 1 s"),
        (3_599_000, "59 min 59 s"),
        (3_600_000, "1 h 0 min"),
        (90_061_000, "25 h 1 min"),
    ];
    for (milliseconds, expected) in cases {
        let build = JobHarness::starting(json!({})).build(1, SUCCESS);
        let started_at = build.started_at.unwrap();
        let ended_at = Some(started_at + std::time::Duration::from_millis(milliseconds));
        let (_, text) = ProviderBuild { ended_at, ..build }.final_status().unwrap();
        assert_eq!(text, format!("passed after {expected}"));
    }
}
