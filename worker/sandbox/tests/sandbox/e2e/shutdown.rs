//! The worker's health, shutdown and missing settings.
use std::process::Command;
use std::time::Duration;

use super::{JOB_TIMEOUT, PASSING_SCRIPT, register_demo, start_sandbox, trigger};

/// Fargate would wait 30 s; the worker promises 10.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn sigterm_ends_worker_cleanly_and_next_finishes_jobs() {
    let sandbox = start_sandbox().await;
    register_demo(&sandbox, PASSING_SCRIPT).await;
    let first = sandbox.start_worker(&[]).await.unwrap();
    let mut keys = Vec::new();
    for id in ["a", "b", "c", "d", "e", "f"] {
        keys.push(trigger(&sandbox, &["demo", "main", "--id", id]).await);
    }
    let (status, took) = first.terminate(STOP_TIMEOUT).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(took < STOP_TIMEOUT);
    let _second = sandbox.start_worker(&[("DOORBELL_BUILD_POLL_INTERVAL", "1s")]).await.unwrap();
    for key in keys {
        assert_eq!(sandbox.wait_until_settled(&key, JOB_TIMEOUT * 2).await.unwrap().status(), "success");
        assert_eq!(sandbox.builds_of(&key).len(), 1);
    }
}

#[tokio::test]
async fn health_command_reports_liveness_and_readiness() {
    let sandbox = start_sandbox().await;
    let worker = sandbox.start_worker(&[]).await.unwrap();
    let log = worker.log().unwrap();
    let up: serde_json::Value = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .find(|line: &serde_json::Value| line["health"].is_string())
        .unwrap();
    let address = up["health"].as_str().unwrap().to_owned();
    let program = sandbox.programs().worker();
    let health = |ready: bool| {
        let mut command = Command::new(&program);
        command.args(["health", "--health-addr", &address]).args(ready.then_some("--ready"));
        command.output().unwrap().status.code()
    };
    assert_eq!(health(false), Some(0));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while health(true) != Some(0) {
        assert!(tokio::time::Instant::now() < deadline, "never ready: {}", worker.log().unwrap());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    worker.kill().await.unwrap();
    assert_eq!(health(false), Some(1));
}

#[tokio::test]
async fn missing_settings_are_all_listed_at_once() {
    let output =
        Command::new(doorbell_sandbox::programs::Programs::find().unwrap().worker()).env_clear().output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    for name in ["TRIGGER_QUEUE_URL", "EVENT_QUEUE_URL", "DLQ_URL", "TOPIC_ARN", "TABLE"] {
        assert!(stderr.contains(&format!("DOORBELL_{name}")), "{name} is not in: {stderr}");
    }
}
