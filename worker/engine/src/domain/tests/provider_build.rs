use doorbell_messages::{RunnerExit, Status};
use serde_json::json;

use super::{JobHarness, failed_stage};
use crate::domain::{ProviderBuild, one_line};

#[track_caller]
fn check(status: &str, phase: Option<(&str, &str)>, expected: (Status, &str)) {
    let build = JobHarness::starting(json!({})).build(1, status);
    let build = ProviderBuild { failed_stage: phase.map(|(name, message)| failed_stage(name, message)), ..build };
    let (status, text) = build.final_status().unwrap();
    assert_eq!((status, text.as_str()), expected);
}

#[test]
fn provider_status_maps_to_job_status() {
    check("SUCCEEDED", None, (Status::Success, "passed after 42 s"));
    check("STOPPED", None, (Status::Canceled, "stopped after 42 s"));
    check("TIMED_OUT", None, (Status::Error, "the provider ended the build at its time limit after 42 s"));
    check("FAULT", None, (Status::Error, "the provider failed after 42 s"));
    check(
        "FAULT",
        Some(("PROVISIONING", "no\nhost")),
        (Status::Error, "the provider failed after 42 s: PROVISIONING: no host"),
    );
    check(
        "FAILED",
        Some(("QUEUED", "CLIENT_ERROR: role")),
        (Status::Error, "the build failed outside the command after 42 s: QUEUED: CLIENT_ERROR: role"),
    );
    check("FAILED", None, (Status::Error, "the build failed outside the command after 42 s"));
}

#[test]
fn command_exit_code_is_a_failure() {
    let message = "Error while executing command: doorbell-runner. Reason: exit status 3";
    check("FAILED", Some(("BUILD", message)), (Status::Failure, "the command exited with 3 after 42 s"));
    let message = "COMMAND_EXECUTION_ERROR: exit status 128, exit status 239.";
    check("FAILED", Some(("BUILD", message)), (Status::Failure, "the command exited with 239 after 42 s"));
}

#[test]
fn exit_code_outside_the_build_stage_is_an_error() {
    let text = "the build failed outside the command after 42 s: INSTALL: exit status 3";
    check("FAILED", Some(("INSTALL", "exit status 3")), (Status::Error, text));
}

#[test]
fn stage_message_without_exit_code_is_an_error() {
    for message in ["", "exit status", "exit status x", "exit status 99999999999999999999"] {
        let build = JobHarness::starting(json!({})).build(1, "FAILED");
        let build = ProviderBuild { failed_stage: Some(failed_stage("BUILD", message)), ..build };
        assert_eq!(build.final_status().unwrap().0, Status::Error, "{message:?}");
    }
}

#[test]
fn reserved_runner_exit_code_is_an_error() {
    for code in RunnerExit::RESERVED {
        let build = JobHarness::starting(json!({})).build(1, "FAILED");
        let message = format!("exit status {code}");
        let build = ProviderBuild { failed_stage: Some(failed_stage("BUILD", &message)), ..build };
        let (status, text) = build.final_status().unwrap();
        assert_eq!(status, Status::Error, "{code}");
        assert!(text.contains(&format!("runner code {code}")), "{text}");
    }
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
        let build = JobHarness::starting(json!({})).build(1, "SUCCEEDED");
        let started_at = build.started_at.unwrap();
        let ended_at = Some(started_at + std::time::Duration::from_millis(milliseconds));
        let (_, text) = ProviderBuild { ended_at, ..build }.final_status().unwrap();
        assert_eq!(text, format!("passed after {expected}"));
    }
}
