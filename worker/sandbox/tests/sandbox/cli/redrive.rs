//! A redrive that is interrupted, by the real thing: a process that is killed between its calls.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use doorbell_sandbox::account::definition::{SUBSCRIPTION_DEAD_LETTER_QUEUE, TRIGGER_QUEUE};
use doorbell_sandbox::proxy::Proxy;
use doorbell_sandbox::sandbox::{Sandbox, SandboxOptions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::doorbell;
use crate::e2e::{JOB_TIMEOUT, PASSING_SCRIPT, envelope, options, register_demo};

/// Three pages of a receive.
const MESSAGE_COUNT: usize = 25;

/// What a killed `doorbell` held comes back after 20 s.
const REAPPEAR_TIMEOUT: Duration = Duration::from_secs(60);

const REDRIVE: [&str; 6] = ["dlq", "redrive", "--all", "--queue", "subscription", "--yes"];

/// Messages in a queue, hidden ones included.
async fn message_count(sandbox: &Sandbox, queue: &str) -> usize {
    let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
    let body = json!({ "QueueUrl": sandbox.account.queue_url(queue), "AttributeNames": names });
    let answer: Value = sandbox.account.root().json("sqs", "AmazonSQS.GetQueueAttributes", body).await.unwrap();
    names.iter().map(|name| answer["Attributes"][name].as_str().unwrap().parse::<usize>().unwrap()).sum()
}

/// A redrive through the proxy.
fn redrive(sandbox: &Sandbox, proxy: &Proxy) -> Child {
    Command::new(sandbox.programs().doorbell())
        .args(REDRIVE)
        .env_clear()
        .envs(sandbox.owner_environment())
        .env("AWS_ENDPOINT_URL", proxy.url())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn wait_until_held(proxy: &Proxy) {
    tokio::time::timeout(JOB_TIMEOUT, proxy.wait_until_held()).await.expect("the call never came");
}

fn calls(proxy: &Proxy, name: &str) -> u64 {
    proxy.call_counts().get(name).copied().unwrap_or(0)
}

#[tokio::test]
async fn interrupted_redrive_loses_and_duplicates_no_job() {
    let buildspec = "version: 0.2\nphases:\n  build:\n    commands:\n      - 'true'\n".to_owned();
    let sandbox = Sandbox::start(SandboxOptions { buildspec, ..options() }).await.unwrap();
    let (repository, _) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document.as_object_mut().unwrap().remove("reportTo");
    sandbox.register_project("demo", &document).await.unwrap();
    let dlq_url = sandbox.account.queue_url(SUBSCRIPTION_DEAD_LETTER_QUEUE);
    for number in 0..MESSAGE_COUNT {
        let id = format!("11111111-0000-4000-8000-{number:012}");
        let body = envelope(&sandbox, &id, &json!({ "project": "demo", "branch": "main" }));
        sandbox.account.send_to_queue(&dlq_url, &body).await.unwrap();
    }
    let proxy = Proxy::start(sandbox.account.emulator().endpoint(), sandbox.account.ca(), 1).await.unwrap();

    // Between the two calls for the eighth letter: it was sent back, and `doorbell` dies before it knows.
    proxy.hold_response("AmazonSQS.SendMessage", "", 7);
    let mut killed = redrive(&sandbox, &proxy);
    wait_until_held(&proxy).await;
    killed.kill().await.unwrap();
    assert_eq!(
        (message_count(&sandbox, TRIGGER_QUEUE).await, message_count(&sandbox, SUBSCRIPTION_DEAD_LETTER_QUEUE).await),
        (8, MESSAGE_COUNT - 7)
    );
    let listed = doorbell(&sandbox, &["dlq", "list", "--queue", "subscription"]).await;
    assert!(listed.stderr.contains("3 more messages in flight"), "{}", listed.stderr);

    // Ctrl-C after a letter was deleted, before that is known.
    let sent = calls(&proxy, "AmazonSQS.SendMessage");
    proxy.hold_response("AmazonSQS.DeleteMessage", "", 2);
    let interrupted = redrive(&sandbox, &proxy);
    wait_until_held(&proxy).await;
    kill_process(Pid::from_raw(interrupted.id().unwrap().try_into().unwrap()).unwrap(), Signal::INT).unwrap();
    let interrupted = interrupted.wait_with_output().await.unwrap();
    assert_eq!(interrupted.status.code(), Some(130));
    let said = String::from_utf8(interrupted.stderr).unwrap();
    assert!(said.contains("interrupted; completed steps stay completed"), "{said}");
    assert_eq!(calls(&proxy, "AmazonSQS.SendMessage"), sent + 3);
    assert_eq!(message_count(&sandbox, SUBSCRIPTION_DEAD_LETTER_QUEUE).await, MESSAGE_COUNT - 10);

    // The same command again, until what the two have held has come back.
    let deadline = Instant::now() + REAPPEAR_TIMEOUT;
    while message_count(&sandbox, SUBSCRIPTION_DEAD_LETTER_QUEUE).await > 0 {
        assert!(Instant::now() < deadline, "letters stay");
        let said = doorbell(&sandbox, &REDRIVE).await;
        assert!(matches!(said.code, Some(0 | 3)), "{}", said.stderr);
    }
    assert_eq!(
        message_count(&sandbox, TRIGGER_QUEUE).await,
        MESSAGE_COUNT + 1,
        "one letter is there twice, none is lost"
    );

    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let deadline = Instant::now() + JOB_TIMEOUT;
    loop {
        let jobs = sandbox.jobs().await.unwrap();
        if jobs.len() == MESSAGE_COUNT && jobs.iter().all(|job| job.is_settled()) {
            break;
        }
        assert!(Instant::now() < deadline, "{} jobs, {jobs:?}", jobs.len());
    }
    let mut builds: BTreeMap<String, usize> = BTreeMap::new();
    for build in sandbox.codebuild.controls.builds() {
        *builds.entry(build.job_id.unwrap()).or_default() += 1;
    }
    assert_eq!((builds.len(), builds.values().max()), (MESSAGE_COUNT, Some(&1)), "each job has one build");
}
