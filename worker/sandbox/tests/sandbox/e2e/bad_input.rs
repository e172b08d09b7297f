//! More than a hundred invalid inputs.
//!
//! Each ends as a rejection or as a dead-letter message with its reason; none reaches CodeBuild or git, and none stops
//! the worker.
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use doorbell_sandbox::sandbox::Sandbox;
use serde_json::{Value, json};

use super::{JOB_TIMEOUT, PASSING_SCRIPT, envelope, register_demo, start_sandbox, trigger};
use crate::forge_log::git_requests;

/// The timeout of all inputs together.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(120);

/// The malformed requests of the messages package, with which publisher and worker are tested as well.
fn malformed_requests() -> BTreeMap<String, String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../publisher/messages/fixtures/request");
    let mut texts = BTreeMap::new();
    for kind in ["invalid", "future"] {
        for entry in std::fs::read_dir(dir.join(kind)).unwrap() {
            let path = entry.unwrap().path();
            // SNS itself accepts only non-empty strings.
            let text = String::from_utf8(std::fs::read(&path).unwrap()).ok().filter(|text| !text.is_empty());
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            texts.extend(text.map(|text| (name, text)));
        }
    }
    texts
}

/// Pagure's messages about our own flags, as recorded: a publisher may forward all of Pagure's messages to the topic.
fn own_flag_messages() -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pagure/webhooks");
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[tokio::test]
async fn webhook_of_own_flag_starts_no_job() {
    let sandbox = start_sandbox().await;
    register_demo(&sandbox, PASSING_SCRIPT).await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    let flags = own_flag_messages();
    assert_eq!(flags.len(), 3);
    for flag in &flags {
        sandbox.account.publish(flag).await.unwrap();
    }
    let dead_letters = dead_letters(&sandbox, flags.len()).await;
    assert!(dead_letters.iter().all(|dead_letter| dead_letter.contains("reason")), "{dead_letters:?}");
    assert_eq!(sandbox.jobs().await.unwrap().len(), 1);
}

/// Messages that did not come from our topic, sent directly to the trigger queue.
fn invalid_messages(sandbox: &Sandbox) -> Vec<String> {
    let good = json!({ "project": "demo", "branch": "main" });
    let mut other_topic: Value = serde_json::from_str(&envelope(sandbox, "m-1", &good)).unwrap();
    other_topic["TopicArn"] = json!("arn:aws:sns:eu-central-1:111122223333:another-topic");
    let mut no_time: Value = serde_json::from_str(&envelope(sandbox, "m-2", &good)).unwrap();
    no_time["Timestamp"] = json!("yesterday");
    let mut no_key: Value = serde_json::from_str(&envelope(sandbox, "m-3", &good)).unwrap();
    no_key["MessageId"] = json!("not a/key#at all");
    let mut confirmation: Value = serde_json::from_str(&envelope(sandbox, "m-4", &good)).unwrap();
    confirmation["Type"] = json!("SubscriptionConfirmation");
    let deep = format!("{}1{}", "[".repeat(3000), "]".repeat(3000));
    vec![
        other_topic.to_string(),
        no_time.to_string(),
        no_key.to_string(),
        confirmation.to_string(),
        good.to_string(),
        "not JSON at all".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        deep,
        "x".repeat(1024 * 1024),
        json!({ "Type": "Notification", "MessageId": "m-5" }).to_string(),
    ]
}

/// Valid requests that the owner's policy must reject: (request, part of the reason).
fn rejected_requests() -> Vec<(Value, &'static str)> {
    let good = json!({ "project": "demo", "branch": "main" });
    let with = |name: &str, value: Value| {
        let mut request = good.clone();
        request[name] = value;
        request
    };
    let of = |project: &str| json!({ "project": project, "branch": "main" });
    vec![
        (of("nowhere"), "no project nowhere"),
        (of("DEMO"), "no project DEMO"),
        (json!({ "project": "demo", "branch": "release" }), "not among the refs"),
        (json!({ "project": "demo", "branch": "mainline" }), "not among the refs"),
        (json!({ "project": "demo", "tag": "main" }), "not among the refs"),
        (json!({ "project": "demo", "pullRequest": 1 }), "does not build pull requests"),
        (with("variables", json!({ "PATH": "/tmp" })), "PATH is reserved"),
        (with("variables", json!({ "LD_PRELOAD": "/tmp/x.so" })), "LD_PRELOAD is reserved"),
        (with("variables", json!({ "GIT_SSH_COMMAND": "id" })), "GIT_SSH_COMMAND is reserved"),
        (with("variables", json!({ "DOORBELL_ARGV": "[]" })), "DOORBELL_ARGV is reserved"),
        (with("variables", json!({ "aws_profile": "x" })), "aws_profile is reserved"),
        (with("variables", json!({ "OTHER": "x" })), "does not let requests set the variable OTHER"),
        (with("action", json!("cancel")), "does not let requests cancel"),
        (of("not-json"), "document is wrong"),
        (of("a-list"), "document is wrong"),
        (of("no-command"), "command"),
        (of("no-git-url"), "gitUrl"),
        (of("userinfo"), "without user name or password"),
        (of("helper-url"), "$.gitUrl: invalid value"),
        (of("option-url"), "$.gitUrl: invalid value"),
        (of("empty-command"), "command"),
        (of("dir-outside"), "inside the checkout"),
        (of("bad-refs"), "refs"),
        (of("short-timeout"), "minutes"),
        (of("no-build-project"), "names no build project"),
    ]
}

async fn register_wrong_documents(sandbox: &Sandbox) {
    let url = "https://forge.example/demo.git";
    let documents = [
        ("not-json", "{ not json".to_owned()),
        ("a-list", "[]".to_owned()),
        ("no-command", json!({ "gitUrl": url }).to_string()),
        ("no-git-url", json!({ "command": "./x" }).to_string()),
        ("userinfo", json!({ "gitUrl": "https://robot:canary-pw@forge.example/x.git", "command": "./x" }).to_string()),
        ("helper-url", json!({ "gitUrl": "ext::sh -c id", "command": "./x" }).to_string()),
        ("option-url", json!({ "gitUrl": "--upload-pack=id", "command": "./x" }).to_string()),
        ("empty-command", json!({ "gitUrl": url, "command": [] }).to_string()),
        ("dir-outside", json!({ "gitUrl": url, "command": "./x", "deployDir": "../.." }).to_string()),
        ("bad-refs", json!({ "gitUrl": url, "command": "./x", "refs": ["refs/heads/*"] }).to_string()),
        ("short-timeout", json!({ "gitUrl": url, "command": "./x", "timeoutMinutes": 1 }).to_string()),
        ("no-build-project", json!({ "gitUrl": url, "command": "./x" }).to_string()),
    ];
    for (project, text) in documents {
        sandbox.account.put_parameter(project, &text).await.unwrap();
    }
}

#[tokio::test]
async fn bad_input_is_rejected_or_dead_lettered_without_effect() {
    let sandbox = start_sandbox().await;
    let (repository, _) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["refs"] = json!(["heads/main"]);
    sandbox.register_project("demo", &document).await.unwrap();
    register_wrong_documents(&sandbox).await;
    let worker = sandbox.start_worker(&[]).await.unwrap();

    let malformed = malformed_requests();
    for text in malformed.values() {
        sandbox.account.publish(text).await.unwrap();
    }
    let foreign = invalid_messages(&sandbox);
    raise_message_size_limit(&sandbox).await;
    for body in &foreign {
        sandbox.account.send_to_queue(&sandbox.account.trigger_queue_url(), body).await.unwrap();
    }
    let unwanted = rejected_requests();
    for (number, (request, _)) in unwanted.iter().enumerate() {
        let mut request = request.clone();
        request["id"] = json!(format!("unwanted-{number}"));
        sandbox.account.publish(&request.to_string()).await.unwrap();
    }
    let count = malformed.len() + foreign.len() + unwanted.len();
    assert!(count >= 100, "only {count} bad inputs");

    check_rejections(&sandbox, &unwanted).await;
    let dead_letters = dead_letters(&sandbox, malformed.len() + foreign.len()).await;
    for dead_letter in &dead_letters {
        let message: Value = serde_json::from_str(dead_letter).unwrap();
        assert!(message["reason"].as_str().is_some_and(|reason| reason.len() > 10), "{message}");
        assert!(message["body"].is_string() && message["bodyBytes"].is_u64(), "{message}");
    }
    for (name, text) in &malformed {
        let is_about = |message: &&String| {
            let message: Value = serde_json::from_str(message).unwrap();
            let body: Option<Value> = message["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
            body.is_some_and(|body| body["Message"] == json!(text)) || message["bodyBytes"].as_u64() > Some(40 * 1024)
        };
        assert!(dead_letters.iter().any(|message| is_about(&message)), "{name} is in no dead-letter message");
    }

    assert!(sandbox.codebuild.controls.builds().is_empty(), "nothing reached CodeBuild");
    assert_eq!(sandbox.codebuild.controls.call_counts().get("StartBuild"), None, "StartBuild was not called");
    assert_eq!(git_requests(&sandbox.forge), 0, "nothing reached git");
    assert!(!worker.log().unwrap().contains("canary-pw"), "a password in a URL was logged");
    let key = trigger(&sandbox, &["demo", "main"]).await;
    assert_eq!(
        sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap().status(),
        "success",
        "the worker still runs jobs"
    );
}

/// Raises the queues' message size limit, which otherwise rejects such messages: an owner may change it.
async fn raise_message_size_limit(sandbox: &Sandbox) {
    let attributes = json!({ "MaximumMessageSize": (1024 * 1024).to_string() });
    let body = json!({ "QueueUrl": sandbox.account.trigger_queue_url(), "Attributes": attributes });
    sandbox.account.root().json("sqs", "AmazonSQS.SetQueueAttributes", body).await.unwrap();
}

async fn check_rejections(sandbox: &Sandbox, unwanted: &[(Value, &'static str)]) {
    let deadline = tokio::time::Instant::now() + TOTAL_TIMEOUT;
    let jobs = loop {
        let jobs = sandbox.jobs().await.unwrap();
        if jobs.len() >= unwanted.len() && jobs.iter().all(|job| job.is_settled()) {
            break jobs;
        }
        assert!(tokio::time::Instant::now() < deadline, "not all are settled: {jobs:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    for (number, (request, reason)) in unwanted.iter().enumerate() {
        let id = format!("#unwanted-{number}#");
        let job = jobs.iter().find(|job| job.key().contains(&id)).unwrap_or_else(|| panic!("no job for {request}"));
        assert_eq!(job.status(), "rejected", "{request}");
        let rejection = job.rejection_reason().unwrap_or_default();
        assert!(rejection.contains(reason), "{request}: \"{rejection}\" does not contain \"{reason}\"");
        assert!(!rejection.contains("canary-pw"), "{rejection}");
    }
}

async fn dead_letters(sandbox: &Sandbox, count: usize) -> Vec<String> {
    let deadline = tokio::time::Instant::now() + TOTAL_TIMEOUT;
    loop {
        let dead_letters = sandbox.account.dead_letters().await.unwrap();
        if dead_letters.len() >= count {
            assert_eq!(dead_letters.len(), count, "one dead-letter message each");
            return dead_letters;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{} of {count} dead letters: {dead_letters:#?}",
            dead_letters.len()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
