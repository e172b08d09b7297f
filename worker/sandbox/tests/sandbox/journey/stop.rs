//! How a worker is asked, told to stop, and told wrong.
use std::process::Command;
use std::time::Duration;

use super::{JOB, PASSING, demo, sandbox, trigger};

/// Fargate would wait 30 s; the worker promises 10.
const STOP: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_worker_that_is_told_to_stop_ends_well_and_another_finishes_the_jobs() {
    let sandbox = sandbox().await;
    demo(&sandbox, PASSING).await;
    let first = sandbox.worker(&[]).await.unwrap();
    let mut keys = Vec::new();
    for id in ["a", "b", "c", "d", "e", "f"] {
        keys.push(trigger(&sandbox, &["demo", "main", "--id", id]).await);
    }
    let (status, took) = first.terminate(STOP).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(took < STOP);
    let _second = sandbox.worker(&[("DOORBELL_BUILD_POLL_INTERVAL", "1s")]).await.unwrap();
    for key in keys {
        assert_eq!(sandbox.until_settled(&key, JOB * 2).await.unwrap().status(), "success");
        assert_eq!(sandbox.builds_of(&key).len(), 1);
    }
}

#[tokio::test]
async fn a_worker_says_whether_it_lives_and_whether_it_is_ready() {
    let sandbox = sandbox().await;
    let worker = sandbox.worker(&[]).await.unwrap();
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
async fn settings_that_are_missing_are_named_all_at_once() {
    let output =
        Command::new(doorbell_sandbox::programs::Programs::find().unwrap().worker()).env_clear().output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for name in ["TRIGGER_QUEUE_URL", "EVENT_QUEUE_URL", "DLQ_URL", "TOPIC_ARN", "TABLE"] {
        assert!(said.contains(&format!("DOORBELL_{name}")), "{name} is not in: {said}");
    }
}
