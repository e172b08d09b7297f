use doorbell_messages::DeadLetter;
use doorbell_sandbox::account::definition::{
    DEAD_LETTER_QUEUE, EVENT_DEAD_LETTER_QUEUE, SUBSCRIPTION_DEAD_LETTER_QUEUE,
};
use doorbell_sandbox::sandbox::Sandbox;
use serde_json::json;

use super::{doorbell, json};
use crate::e2e::{JOB_TIMEOUT, PASSING_SCRIPT, envelope, register_demo, start_sandbox};

/// A sandbox with a message in each dead-letter queue, as the worker, SNS and SQS leave them. No worker runs.
async fn sandbox_with_dead_letters() -> Sandbox {
    let sandbox = start_sandbox().await;
    let request = |id: &str| envelope(&sandbox, id, &json!({ "project": "demo", "branch": "main" }));
    let put = |queue: &'static str, body: String| {
        let url = sandbox.account.queue_url(queue);
        let world = &sandbox.account;
        async move { world.send_to_queue(&url, &body).await.unwrap() }
    };
    let dead_letter = |reason: &str, body: &str| DeadLetter::new(reason.to_owned(), 1, "m".to_owned(), body).to_json();
    put(DEAD_LETTER_QUEUE, dead_letter("AWS had a bad day", &request("11111111-0000-4000-8000-000000000001"))).await;
    put(DEAD_LETTER_QUEUE, dead_letter("$.branch: invalid value", "{\"project\":1}")).await;
    put(DEAD_LETTER_QUEUE, dead_letter("too large", &"x".repeat(DeadLetter::MAX_BODY_BYTES + 1))).await;
    put(SUBSCRIPTION_DEAD_LETTER_QUEUE, request("11111111-0000-4000-8000-000000000002")).await;
    put(EVENT_DEAD_LETTER_QUEUE, "{\"detail-type\":\"CodeBuild Build State Change\"}".to_owned()).await;
    sandbox
}

async fn queue_lengths(sandbox: &Sandbox) -> [usize; 3] {
    let mut counts = [0; 3];
    for (count, queue) in
        counts.iter_mut().zip([DEAD_LETTER_QUEUE, SUBSCRIPTION_DEAD_LETTER_QUEUE, EVENT_DEAD_LETTER_QUEUE])
    {
        *count = sandbox.account.peek(&sandbox.account.queue_url(queue)).await.unwrap().len();
    }
    counts
}

#[tokio::test]
async fn dlq_list_shows_reasons_and_keeps_messages() {
    let sandbox = sandbox_with_dead_letters().await;
    for _ in 0..2 {
        let listed = json(&sandbox, &["dlq", "list"]).await;
        let messages = listed["messages"].as_array().unwrap();
        let mut queues: Vec<&str> = messages.iter().map(|message| message["queue"].as_str().unwrap()).collect();
        queues.sort_unstable();
        assert_eq!(queues, ["events", "requests", "requests", "requests", "subscription"], "{listed}");
        assert!(messages.iter().all(|message| message["reason"] != "" && message["sentAt"].is_string()));
    }
    let some = json(&sandbox, &["dlq", "list", "--queue", "requests", "--reason", "bad day"]).await;
    assert_eq!(some["messages"].as_array().unwrap().len(), 1);
    let id = some["messages"][0]["id"].as_str().unwrap();
    let shown = doorbell(&sandbox, &["dlq", "show", &id[..8]]).await;
    assert!(shown.stdout.contains("AWS had a bad day") && shown.stdout.contains("\"Type\": \"Notification\""));
    assert_eq!(queue_lengths(&sandbox).await, [3, 1, 1]);
}

#[tokio::test]
async fn dlq_redrive_builds_selected_messages_only() {
    let sandbox = sandbox_with_dead_letters().await;
    register_demo(&sandbox, PASSING_SCRIPT).await;
    let draft = json(&sandbox, &["dlq", "redrive", "--reason", "bad day"]).await;
    assert_eq!((&draft["done"], draft["messages"].as_array().unwrap().len()), (&json!(false), 1));
    assert_eq!(queue_lengths(&sandbox).await, [3, 1, 1], "without --yes nothing is done");

    json(&sandbox, &["dlq", "redrive", "--reason", "bad day", "--yes"]).await;
    let all = json(&sandbox, &["dlq", "redrive", "--queue", "subscription", "--all", "--yes"]).await;
    assert_eq!(all["messages"].as_array().unwrap().len(), 1);
    assert_eq!(queue_lengths(&sandbox).await, [2, 0, 1]);
    let cut = json(&sandbox, &["dlq", "redrive", "--reason", "too large", "--yes"]).await;
    assert_eq!(cut["notSent"].as_array().unwrap().len(), 1, "half a message is never sent");

    let _worker = sandbox.start_worker(&[]).await.unwrap();
    for id in ["11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"] {
        let key = format!("demo#{id}#");
        let job = loop {
            let found = sandbox.jobs().await.unwrap().into_iter().find(|job| job.key().starts_with(&key));
            if let Some(job) = found {
                break sandbox.wait_until_settled(job.key(), JOB_TIMEOUT).await.unwrap();
            }
        };
        assert_eq!(job.status(), "success");
    }
}

#[tokio::test]
async fn dlq_delete_removes_selected_messages_only() {
    let sandbox = sandbox_with_dead_letters().await;
    let nothing = doorbell(&sandbox, &["dlq", "delete", "--reason", "no such reason", "--yes"]).await;
    assert_eq!(nothing.code, Some(3));
    let draft = doorbell(&sandbox, &["dlq", "delete", "--all"]).await;
    assert_eq!(draft.code, Some(0));
    assert!(draft.stderr.contains("--yes does it"), "{}", draft.stderr);
    assert_eq!(queue_lengths(&sandbox).await, [3, 1, 1]);
    json(&sandbox, &["dlq", "delete", "--reason", "invalid value", "--yes"]).await;
    assert_eq!(queue_lengths(&sandbox).await, [2, 1, 1]);
}
