//! Done events: who gets which, and a worker that is killed around the call that publishes one.
use std::collections::BTreeSet;
use std::time::Duration;

use doorbell_sandbox::account::DoneSubscriber;
use doorbell_sandbox::proxy::Proxy;
use doorbell_sandbox::sandbox::{Sandbox, SandboxOptions};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{JOB_TIMEOUT, PASSING_SCRIPT, options, register_demo, single_flag, trigger};

const POLL_INTERVAL: Duration = Duration::from_millis(50);

async fn start_sandbox() -> Sandbox {
    Sandbox::start(SandboxOptions { done_topic: true, ..options() }).await.unwrap()
}

/// Collects a subscriber's messages until there are so many.
async fn events(sandbox: &Sandbox, subscriber: &DoneSubscriber, count: usize) -> Vec<String> {
    let deadline = Instant::now() + JOB_TIMEOUT;
    let mut found = Vec::new();
    while found.len() < count {
        assert!(Instant::now() < deadline, "{count} done events expected: {found:?}");
        found.extend(sandbox.account.take_done_events(subscriber).await.unwrap().into_iter().map(|event| event.body));
        sleep(POLL_INTERVAL).await;
    }
    found
}

fn parse(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn done_event_reaches_only_subscribers_whose_filter_admits_it() {
    let sandbox = start_sandbox().await;
    let (repository, commit) = register_demo(&sandbox, "#!/bin/sh\nexit 3\n").await;
    let passing = [("ci.sh", doorbell_sandbox::git_host::EXECUTABLE_FILE, PASSING_SCRIPT)];
    repository.commit("passing", &passing, "passes").await.unwrap();
    let failures = json!({ "project": ["demo"], "status": ["failure"] });
    let failures = sandbox.account.subscribe_to_done_events("failures", &failures).await.unwrap();
    let others = sandbox.account.subscribe_to_done_events("others", &json!({ "project": ["other"] })).await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    // The success is announced first: if the filter admitted it, the subscriber had it first.
    let passed = trigger(&sandbox, &["demo", "passing"]).await;
    sandbox.wait_until_settled(&passed, JOB_TIMEOUT).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    let event = parse(&events(&sandbox, &failures, 1).await[0]);
    assert_eq!(event["subject"]["id"], key);
    assert_eq!(event["context"]["type"], "dev.cdevents.pipelinerun.finished.0.3.0");
    assert_eq!(event["subject"]["content"]["outcome"], "failure");
    let data = &event["customData"];
    let build = &sandbox.builds_of(&key)[0].id;
    assert_eq!(
        (&data["status"], &data["ref"], &data["commit"], &data["run"]),
        (&json!("failure"), &json!("heads/main"), &json!(commit.as_str()), &json!(build))
    );
    for subscriber in [&failures, &others] {
        let more = sandbox.account.take_done_events(subscriber).await.unwrap();
        assert!(more.is_empty(), "{more:?}");
    }
}

#[tokio::test]
async fn message_group_of_a_done_event_is_its_project() {
    let sandbox = start_sandbox().await;
    register_demo(&sandbox, PASSING_SCRIPT).await;
    let all = sandbox.account.subscribe_to_done_events("all", &json!({ "project": ["demo"] })).await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    let messages = sandbox.account.take_done_events(&all).await.unwrap();
    assert_eq!(messages.iter().map(|message| message.group.as_deref()).collect::<Vec<_>>(), [Some("demo")]);
}

/// Kills the worker while its Publish call is held, before or behind SNS, and lets another one follow.
async fn kill_while_publishing(hold: impl Fn(&Proxy), expected_events: usize) {
    let sandbox = start_sandbox().await;
    let (_, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let filters = [json!({ "project": ["demo"] }), json!({ "status": ["success"], "ref": [{ "prefix": "heads/" }] })];
    let mut subscribers = Vec::new();
    for (number, filter) in filters.iter().enumerate() {
        subscribers
            .push(sandbox.account.subscribe_to_done_events(&format!("subscriber-{number}"), filter).await.unwrap());
    }
    let proxy = Proxy::start(sandbox.account.emulator().endpoint(), sandbox.account.ca(), 1).await.unwrap();
    let through_proxy = [("AWS_ENDPOINT_URL_SNS", proxy.url())];
    hold(&proxy);
    let worker = sandbox.start_worker(&through_proxy).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    tokio::time::timeout(JOB_TIMEOUT, proxy.wait_until_held()).await.unwrap();
    // The flag does not wait for the topic.
    let is_reported = |job: &doorbell_sandbox::job::Job| {
        job.trail().iter().any(|line| line.starts_with("reported to forge: success"))
    };
    sandbox.wait_for_job(&key, JOB_TIMEOUT, is_reported).await.unwrap();
    assert_eq!(single_flag(&sandbox, &commit).status.as_str(), "success");
    worker.kill().await.unwrap();
    let job = sandbox.job(&key).await.unwrap().unwrap();
    assert!(!job.is_settled(), "the event is owed: {job:#?}");
    assert_eq!(sandbox.expire_done_event_claims().await.unwrap(), 1);
    let _worker = sandbox.start_worker(&through_proxy).await.unwrap();
    sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    for subscriber in &subscribers {
        let bodies = events(&sandbox, subscriber, expected_events).await;
        assert_eq!(bodies.len(), expected_events);
        assert_eq!(bodies.iter().collect::<BTreeSet<_>>().len(), 1, "repeats differ: {bodies:?}");
        assert_eq!(parse(&bodies[0])["subject"]["id"], key);
    }
}

#[tokio::test]
async fn worker_killed_before_its_publish_is_followed_by_one_event() {
    kill_while_publishing(|proxy| proxy.hold_request("sns.Publish", "doorbell-done", 0), 1).await;
}

#[tokio::test]
async fn worker_killed_after_its_publish_is_followed_by_same_bytes() {
    kill_while_publishing(|proxy| proxy.hold_response("sns.Publish", "doorbell-done", 0), 2).await;
}
