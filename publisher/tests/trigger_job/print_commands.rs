//! Completions, the manual page, and `--show-context`.
use std::io::Write;
use std::process::{Command, Stdio};

use crate::invocation::{Invocation, InvocationResult, TOPIC};
use crate::vendors::in_build;

async fn stdout_of(arguments: &[&str]) -> String {
    let result = Invocation::new(arguments).run().await;
    assert_eq!(result.exit_code, Some(0), "{result:?}");
    result.stdout
}

#[tokio::test]
async fn completions_are_valid_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(stdout_of(&["completions", shell]).await.contains("show-context"), "{shell}");
    }
    let mut bash = Command::new("bash").args(["--norc", "-n"]).stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(stdout_of(&["completions", "bash"]).await.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[tokio::test]
async fn manual_page_contains_help_sections() {
    let page = stdout_of(&["man"]).await;
    assert!(page.starts_with(".ie") && page.contains(".TH trigger_job 1"), "{page}");
    for part in ["SYNOPSIS", "Exit codes", "Examples", "show\\-context", "allow\\-fork"] {
        assert!(page.contains(part), "{part}");
    }
}

#[tokio::test]
async fn print_commands_have_help_and_reject_unknown_values() {
    for command in ["completions", "man"] {
        assert!(stdout_of(&[command, "--help"]).await.contains("Example:"), "{command}");
    }
    Invocation::new(&["completions", "tcsh"]).run().await.assert_failed(2, &["tcsh", "bash"]);
    Invocation::new(&["completions"]).run().await.assert_failed(2, &["SHELL"]);
    Invocation::new(&["man", "main"]).run().await.assert_failed(2, &["main"]);
}

#[tokio::test]
async fn project_may_share_a_command_name() {
    let result = Invocation::new(&["demo", "man", TOPIC, "--dry-run"]).run().await;
    assert!(result.stdout.contains(r#""branch":"man""#), "{result:?}");
    let result = Invocation::new(&["", "main", TOPIC, "--dry-run"]).env("DOORBELL_PROJECT", "man").run().await;
    assert!(result.stdout.contains(r#""project":"man""#), "{result:?}");
}

async fn show_context(arguments: &[&str], columns: Option<&str>) -> InvocationResult {
    let run = in_build(Invocation::new(&[&["--show-context"], arguments].concat()), "gitlab", "push");
    match columns {
        Some(columns) => run.env("COLUMNS", columns).run().await,
        None => run.run().await,
    }
}

#[tokio::test]
async fn show_context_prints_every_value_with_its_source() {
    let result = show_context(&["demo", "--topic-arn", TOPIC], None).await;
    assert_eq!(result.exit_code, Some(0), "{result:?}");
    let lines: Vec<&str> = result.stdout.lines().collect();
    for line in [
        "ci       gitlab  (its variables are set)",
        "project  demo  (PROJECT)",
        "ref      refs/heads/main  (CI_COMMIT_BRANCH)",
        "commit   8c1f5e0a9d3b47e6a2c4f1087d6b5e3a90c2d4f6  (CI_COMMIT_SHA)",
        "build    https://gitlab.com/acme/team/demo/-/jobs/7001  (CI_JOB_URL)",
        "topic    arn:aws:sns:eu-west-1:123456789012:doorbell  (--topic-arn)",
    ] {
        assert!(lines.contains(&line), "{line}\nis not in\n{}", result.stdout);
    }
}

#[tokio::test]
async fn show_context_json_shape_is_stable() {
    let result = show_context(&["--output", "json"], None).await;
    let found: serde_json::Value = serde_json::from_str(&result.stdout).unwrap();
    let keys: Vec<&String> = found.as_object().unwrap().keys().collect();
    let mut want = ["vendor", "project", "ref", "commit", "fork", "id", "buildUrl", "topicArn", "roleArn"];
    want.sort_unstable();
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, want);
    assert_eq!(
        found["ref"],
        serde_json::json!({ "value": "refs/heads/main", "from": "CI_COMMIT_BRANCH", "missing": null })
    );
    let topic = &found["topicArn"];
    assert!(topic["value"].is_null() && topic["missing"].as_str().unwrap().contains("DOORBELL_TOPIC_ARN"), "{topic}");
    assert_eq!(result.exit_code, Some(3), "the exit code is the one that a run would have");
    assert!(result.stderr.contains("no topic is known"), "{}", result.stderr);
}

#[tokio::test]
async fn narrow_terminal_output_is_wrapped() {
    let context = show_context(&["--topic-arn", TOPIC], Some("60")).await.stdout;
    let help = Invocation::new(&["--help"]).env("COLUMNS", "60").run().await.stdout;
    for line in context.lines().chain(help.lines()).filter(|line| line.chars().count() > 60) {
        // A name and a value that can't be broken.
        assert!(line.split_whitespace().count() <= 2, "{line:?}");
    }
    assert!(context.lines().count() > 9, "places stand below their values:\n{context}");
}

#[tokio::test]
async fn config_file_supplies_missing_values() {
    let run = Invocation::new(&["--dry-run"]);
    let text = format!("project = 'filed'\nbranch = 'main'\ntopic-arn = '{TOPIC}'\n");
    std::fs::write(run.directory().join(".doorbell.toml"), text).unwrap();
    let result = run.run().await;
    assert!(result.stdout.contains(r#"{"project":"filed","branch":"main""#), "{result:?}");

    let run = Invocation::new(&["--dry-run"]);
    std::fs::write(run.directory().join(".doorbell.toml"), "projekt = 'x'\n").unwrap();
    run.run().await.assert_failed(2, &[".doorbell.toml: line 1: unknown field `projekt`"]);
    Invocation::new(&["--config", "none.toml"]).run().await.assert_failed(2, &["none.toml", "no such file"]);
}

/// `trigger_job man | head -n 1`
#[tokio::test]
async fn closed_stdout_pipe_is_not_an_error() {
    let shell = format!("'{}' man | head -n 1 >/dev/null", env!("CARGO_BIN_EXE_trigger_job"));
    let output = Command::new("bash").args(["-o", "pipefail", "-c", &shell]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
