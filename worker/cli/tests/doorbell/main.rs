//! The binary without AWS behind it: its output before its first call. Its behaviour with an account is tested
//! in the sandbox (`worker/sandbox/tests/sandbox/cli`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these helpers are tests, too")]

mod documented;
mod exit_codes;
mod redaction;

use std::process::{Command, Output};

fn doorbell(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_doorbell"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

const KEY: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "example"),
    ("AWS_REGION", "eu-north-1"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

#[track_caller]
fn check(arguments: &[&str], environment: &[(&str, &str)], code: i32, said: &[&str]) {
    let output = doorbell(arguments, environment);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "stdout has results alone");
    for part in said {
        assert!(stderr.contains(part), "{part} is not in {stderr}");
    }
}

#[test]
fn invalid_arguments_are_rejected_before_any_aws_call() {
    check(&[], &[], 2, &["Usage"]);
    check(&["jobs", "list", "--status", "green"], &[], 2, &["expected one of queued"]);
    check(&["dlq", "redrive"], &[], 2, &["<ID>"]);
    check(&["dlq", "redrive", "--all", "12"], &[], 2, &["cannot be used with"]);
    let wrong = [&KEY[..], &[("DOORBELL_TABLE", "a b")]].concat();
    check(&["jobs", "list"], &wrong, 2, &["--table (DOORBELL_TABLE)", "3 to 255"]);
}

#[test]
fn every_missing_setting_is_named() {
    check(&["jobs", "list"], &KEY, 3, &["--table (DOORBELL_TABLE)", "next: "]);
    let names = ["DOORBELL_TOPIC_ARN", "DOORBELL_TRIGGER_QUEUE_URL", "DOORBELL_EVENT_QUEUE_URL", "DOORBELL_DLQ_URL"];
    check(&["dlq", "list"], &KEY, 3, &names);
    check(&["jobs", "list"], &KEY[..2], 3, &["no AWS Region"]);
}

#[test]
fn missing_credentials_error_suggests_login() {
    check(&["jobs", "list"], &KEY[2..], 4, &["no AWS credentials", "aws sso login"]);
}

#[test]
fn help_is_printed_to_stdout_within_60_columns() {
    let output = doorbell(&["--help"], &[("COLUMNS", "60")]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Exit codes:") && !text.contains('\u{1b}'));
    assert_eq!(text.lines().find(|line| line.chars().count() > 60), None);
}
