//! Completions, the manual page, and `--show-context`.
use std::io::Write;
use std::process::{Command, Stdio};

use crate::run::{Ended, Run, TOPIC};
use crate::vendors::in_build;

async fn printed(arguments: &[&str]) -> String {
    let ended = Run::bare(arguments).end().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout
}

#[tokio::test]
async fn every_shell_has_completions_and_bash_takes_its_own() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(printed(&["completions", shell]).await.contains("show-context"), "{shell}");
    }
    let mut bash = Command::new("bash").args(["--norc", "-n"]).stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(printed(&["completions", "bash"]).await.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[tokio::test]
async fn the_manual_page_has_what_help_has() {
    let page = printed(&["man"]).await;
    assert!(page.starts_with(".ie") && page.contains(".TH trigger_job 1"), "{page}");
    for part in ["SYNOPSIS", "Exit codes", "Examples", "show\\-context", "allow\\-fork"] {
        assert!(page.contains(part), "{part}");
    }
}

#[tokio::test]
async fn the_extra_commands_have_help_and_refuse_what_they_do_not_know() {
    for command in ["completions", "man"] {
        assert!(printed(&[command, "--help"]).await.contains("Example:"), "{command}");
    }
    Run::bare(&["completions", "tcsh"]).end().await.assert_failed(2, &["tcsh", "bash"]);
    Run::bare(&["completions"]).end().await.assert_failed(2, &["SHELL"]);
    Run::bare(&["man", "main"]).end().await.assert_failed(2, &["main"]);
}

#[tokio::test]
async fn a_project_may_be_called_as_a_command_is() {
    let ended = Run::bare(&["demo", "man", TOPIC, "--dry-run"]).end().await;
    assert!(ended.stdout.contains(r#""branch":"man""#), "{ended:?}");
    let ended = Run::bare(&["", "main", TOPIC, "--dry-run"]).env("DOORBELL_PROJECT", "man").end().await;
    assert!(ended.stdout.contains(r#""project":"man""#), "{ended:?}");
}

async fn shown(arguments: &[&str], columns: Option<&str>) -> Ended {
    let run = in_build(Run::bare(&[&["--show-context"], arguments].concat()), "gitlab", "push");
    match columns {
        Some(columns) => run.env("COLUMNS", columns).end().await,
        None => run.end().await,
    }
}

#[tokio::test]
async fn every_value_is_shown_with_the_place_it_came_from() {
    let ended = shown(&["demo", "--topic-arn", TOPIC], None).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    for line in [
        "ci       gitlab  (its variables are set)",
        "project  demo  (PROJECT)",
        "ref      refs/heads/main  (CI_COMMIT_BRANCH)",
        "commit   8c1f5e0a9d3b47e6a2c4f1087d6b5e3a90c2d4f6  (CI_COMMIT_SHA)",
        "build    https://gitlab.com/acme/team/demo/-/jobs/7001  (CI_JOB_URL)",
        "topic    arn:aws:sns:eu-west-1:123456789012:doorbell  (--topic-arn)",
    ] {
        assert!(lines.contains(&line), "{line}\nis not in\n{}", ended.stdout);
    }
}

#[tokio::test]
async fn the_json_of_the_context_keeps_its_shape() {
    let ended = shown(&["--output", "json"], None).await;
    let found: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
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
    assert_eq!(ended.code, Some(3), "the exit code is the one that a run would have");
    assert!(ended.stderr.contains("no topic is known"), "{}", ended.stderr);
}

#[tokio::test]
async fn at_60_columns_no_line_is_longer_unless_one_word_is() {
    let context = shown(&["--topic-arn", TOPIC], Some("60")).await.stdout;
    let help = Run::bare(&["--help"]).env("COLUMNS", "60").end().await.stdout;
    for line in context.lines().chain(help.lines()).filter(|line| line.chars().count() > 60) {
        // A name and a value that can't be broken.
        assert!(line.split_whitespace().count() <= 2, "{line:?}");
    }
    assert!(context.lines().count() > 9, "places stand below their values:\n{context}");
}

#[tokio::test]
async fn a_config_file_fills_in_what_nobody_else_says() {
    let run = Run::bare(&["--dry-run"]);
    let text = format!("project = 'filed'\nbranch = 'main'\ntopic-arn = '{TOPIC}'\n");
    std::fs::write(run.directory().join(".doorbell.toml"), text).unwrap();
    let ended = run.end().await;
    assert!(ended.stdout.contains(r#"{"project":"filed","branch":"main""#), "{ended:?}");

    let run = Run::bare(&["--dry-run"]);
    std::fs::write(run.directory().join(".doorbell.toml"), "projekt = 'x'\n").unwrap();
    run.end().await.assert_failed(2, &[".doorbell.toml: line 1: unknown field `projekt`"]);
    Run::bare(&["--config", "none.toml"]).end().await.assert_failed(2, &["none.toml", "no such file"]);
}

/// `trigger_job man | head -n 1`
#[tokio::test]
async fn a_reader_that_stops_early_is_no_error() {
    let shell = format!("'{}' man | head -n 1 >/dev/null", env!("CARGO_BIN_EXE_trigger_job"));
    let output = Command::new("bash").args(["-o", "pipefail", "-c", &shell]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
