//! Each publisher sets the project as its message group, and SNS forwards it to the trigger queue.
use doorbell_sandbox::account::definition::SUBSCRIPTION_DEAD_LETTER_QUEUE;
use doorbell_sandbox::sandbox::Sandbox;
use serde_json::json;

use super::{JOB_TIMEOUT, PASSING_SCRIPT, envelope, register_demo, start_sandbox, trigger};

const WAIT_SECONDS: u32 = 10;

/// The group of the only message in the trigger queue.
async fn take_group(sandbox: &Sandbox, publisher: &str) -> Option<String> {
    let url = sandbox.account.trigger_queue_url();
    let mut messages = sandbox.account.receive(&url, WAIT_SECONDS).await.unwrap();
    assert_eq!(messages.len(), 1, "{publisher}: {messages:?}");
    let message = messages.remove(0);
    sandbox.account.delete(&url, &message).await.unwrap();
    message.group
}

#[tokio::test]
async fn every_publisher_groups_messages_by_project() {
    let sandbox = start_sandbox().await;
    let (repository, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    sandbox.register_project("other", &document).await.unwrap();
    let worker = sandbox.start_worker(&[]).await.unwrap();
    let job = trigger(&sandbox, &["other", "main", "--commit", commit.as_str(), "--id", "one"]).await;
    sandbox.wait_until_settled(&job, JOB_TIMEOUT).await.unwrap();
    worker.kill().await.unwrap();

    trigger(&sandbox, &["demo", "main"]).await;
    assert_eq!(take_group(&sandbox, "trigger_job").await.as_deref(), Some("demo"));
    sandbox.account.publish(r#"{"project": "demo", "branch": "main"}"#).await.unwrap();
    assert_eq!(take_group(&sandbox, "the sandbox").await.as_deref(), Some("demo"));
    for command in [&["jobs", "rerun", "one"][..], &["jobs", "cancel", "one", "--by-request"]] {
        let output = sandbox.doorbell(command, &[]).await.unwrap();
        assert_eq!(output.code, Some(0), "{command:?}: {}", output.stderr);
        assert_eq!(take_group(&sandbox, command[1]).await.as_deref(), Some("other"), "{command:?}");
    }

    let dead_letters = sandbox.account.queue_url(SUBSCRIPTION_DEAD_LETTER_QUEUE);
    let request = json!({ "project": "demo", "branch": "main" });
    let body = envelope(&sandbox, "11111111-0000-4000-8000-000000000001", &request);
    sandbox.account.send_to_queue(&dead_letters, &body).await.unwrap();
    let redrive = ["dlq", "redrive", "--all", "--queue", "subscription", "--yes"];
    let output = sandbox.doorbell(&redrive, &[]).await.unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(take_group(&sandbox, "dlq redrive").await.as_deref(), Some("demo"));
}
