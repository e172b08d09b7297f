//! An endpoint that repeats the session token and the key in each answer: none of it is kept.

use std::collections::BTreeMap;
use std::path::Path;

use aws_config::Region;
use aws_credential_types::Credentials;
use doorbell_engine::domain::{BuildQuery, HourlyCount, OrderItem, OrderScope, Timestamp};
use doorbell_engine::ports::{
    BuildProvider, BuildSlots, DoneEventPublisher, JobCounter, JobLedger, MessageQueue, NameStore, OrderLedger,
    ProjectRegistry, ReceiptHandle, SecretStore,
};
use doorbell_messages::{BuildId, DeadLetter};
use serde_json::{Value, json};

use super::ledger::row;
use super::{AwsStub, heartbeat_worker};
use crate::aws::clock::AwsClock;
use crate::aws::{
    CallerIdentity, Connection, DoneTopic, DynamoDbLedger, Initiator, SecretsManagerStore, SqsQueue, SsmRegistry,
};
use crate::provider::CodeBuildProvider;

const KEY: &str = "C4N4RY/secret+access=key";
const TOKEN: &str = "IQoJb3JpZ2luX2Vj//C4N4RYTOKEN+/Wx==";

#[track_caller]
fn assert_redacted(shown: &str) {
    for part in [KEY, TOKEN].iter().flat_map(|secret| secret.as_bytes().windows(8)) {
        let part = std::str::from_utf8(part).unwrap();
        assert!(!shown.contains(part), "{part} is in {shown}");
    }
}

/// All that the adapters say when every call gets this answer.
async fn everything(answer: (u16, Value)) -> String {
    let aws = AwsStub::new([answer]).await;
    let credentials = Credentials::new("AKIDCANARY", KEY, Some(TOKEN.to_owned()), None, "tests");
    let url = aws.url.clone();
    let sdk = Connection::with_config(|loader| {
        let once = aws_config::retry::RetryConfig::disabled();
        loader.endpoint_url(url).region(Region::new("eu-west-1")).credentials_provider(credentials).retry_config(once)
    });
    let (sdk, clock) = (sdk.await.sdk, AwsClock::default());
    let queue = SqsQueue::new(&sdk, &clock, format!("{}/1/q", aws.url), format!("{}/1/d", aws.url));
    let ledger = DynamoDbLedger::new(&sdk, &clock, "jobs".to_owned());
    let registry = SsmRegistry::new(&sdk, &clock, "/doorbell".to_owned());
    let builds = CodeBuildProvider::new(&sdk, &clock, Initiator::Role("doorbell-worker".to_owned()));
    let secrets = SecretsManagerStore::new(&sdk, &clock);
    let topic = DoneTopic::new(&sdk, &clock, Some("arn:aws:sns:eu-west-1:123456789012:done".to_owned()));
    [
        of_queue(&queue).await,
        of_ledger(&ledger).await,
        of_registry(&registry).await,
        of_builds(&builds).await,
        format!("{:?}", secrets.read(&"forge/demo".parse().unwrap()).await.err()),
        format!("{:?}", topic.publish(&super::done_topic::event()).await),
        format!("{:?}", CallerIdentity::fetch(&sdk, &clock).await),
    ]
    .join("\n")
}

async fn of_queue(queue: &SqsQueue) -> String {
    let letter = DeadLetter::new("a reason".to_owned(), 1, "m".to_owned(), "{}");
    [
        format!("{:?}", queue.receive(std::time::Duration::from_secs(1)).await.err()),
        format!("{:?}", queue.ack(vec![ReceiptHandle("r".to_owned())]).await),
        format!("{:?}", queue.dead_letter(letter).await),
    ]
    .join("\n")
}

async fn of_ledger(ledger: &DynamoDbLedger) -> String {
    let (row, at) = (row(), Timestamp::from_millis(0));
    let (keys, scope) = ([row.key.clone()], OrderScope::of(&row));
    let item = OrderItem { rev: 1, ..OrderItem::default() };
    let projects = ["demo".parse().unwrap()];
    [
        format!("{:?}", ledger.arn().await),
        format!("{:?}", ledger.row(&row.key).await),
        format!("{:?}", ledger.insert(std::slice::from_ref(&row)).await),
        format!("{:?}", ledger.update(std::slice::from_ref(&row)).await),
        format!("{:?}", JobLedger::load(ledger, &keys).await),
        format!("{:?}", ledger.due(0, at, None).await.err()),
        format!("{:?}", ledger.write_heartbeat(at, &heartbeat_worker()).await),
        format!("{:?}", ledger.last_sweep().await),
        format!("{:?}", OrderLedger::load(ledger, &scope).await),
        format!("{:?}", ledger.write(&scope, &item, at).await),
        format!("{:?}", ledger.count(&HourlyCount::of(&row), 3).await),
        format!("{:?}", ledger.take(&row.key, 3).await),
        format!("{:?}", ledger.release(&keys).await),
        format!("{:?}", ledger.holders().await),
        format!("{:?}", NameStore::load(ledger).await),
        format!("{:?}", ledger.store(&projects, at).await),
        format!("{:?}", ledger.projects().await),
        format!("{:?}", ledger.latest_job_keys(&projects).next(1).await),
        format!("{:?}", ledger.rows(&keys).await.err()),
    ]
    .join("\n")
}

async fn of_registry(registry: &SsmRegistry) -> String {
    let project = "demo".parse().unwrap();
    [
        format!("{:?}", registry.read_one(&project).await.err()),
        format!("{:?}", registry.read(std::slice::from_ref(&project)).await.err()),
        format!("{:?}", registry.list_names(None).await.err()),
        format!("{:?}", registry.get("demo").await.err()),
        format!("{:?}", registry.documents(&project).await.err()),
        format!("{:?}", registry.list().await.err()),
        format!("{:?}", registry.put("demo", "{}", None, false).await),
        format!("{:?}", registry.remove("demo").await),
    ]
    .join("\n")
}

async fn of_builds(builds: &CodeBuildProvider) -> String {
    let (id, at) = (BuildId::new("builds:1"), Timestamp::from_millis(0));
    let query = BuildQuery { target: "builds".parse().unwrap(), not_before: at, asked_at: at };
    [
        format!("{:?}", builds.start(&super::codebuild::spec(), "0123456789abcdef").await),
        format!("{:?}", builds.list(&query).await),
        format!("{:?}", builds.describe(std::slice::from_ref(&id)).await),
        format!("{:?}", builds.stop(&id).await),
    ]
    .join("\n")
}

/// The calls of each file, all of them made by `everything`. A new call needs its line there, and then here.
const CALLS: [(&str, usize); 14] = [
    ("aws/done_topic.rs", 1),
    ("aws/identity.rs", 1),
    ("aws/ledger.rs", 7),
    ("aws/ledger/bounded_set.rs", 1),
    ("aws/ledger/heartbeat.rs", 1),
    ("aws/ledger/order.rs", 2),
    ("aws/ledger/project_index.rs", 1),
    ("aws/ledger/project_names.rs", 1),
    ("aws/ledger/slots.rs", 2),
    ("aws/queue.rs", 3),
    ("aws/registry.rs", 4),
    ("aws/registry_calls.rs", 2),
    ("aws/secrets.rs", 1),
    ("provider/codebuild.rs", 4),
];

fn count_calls(directory: &Path, found: &mut BTreeMap<String, usize>) {
    for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            if !path.ends_with("tests") {
                count_calls(&path, found);
            }
        } else {
            let source = std::fs::read_to_string(&path).unwrap();
            let calls = source.split("#[cfg(test)]").next().unwrap().matches(".send()").count();
            let source_root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
            found.insert(path.strip_prefix(source_root).unwrap().to_str().unwrap().to_owned(), calls);
        }
    }
}

#[test]
fn each_aws_call_has_a_canary() {
    let (source, mut found) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), BTreeMap::new());
    count_calls(&source.join("aws"), &mut found);
    count_calls(&source.join("provider"), &mut found);
    found.retain(|_, calls| *calls > 0);
    assert_eq!(found, CALLS.iter().map(|(file, calls)| ((*file).to_owned(), *calls)).collect());
}

#[tokio::test]
async fn credentials_are_in_no_word_that_aws_says() {
    let escaped = TOKEN.replace('/', "%2F").replace('+', "%2B");
    let request = format!("POST\n/\nx-amz-security-token:{TOKEN}\nhost: {escaped} {KEY}");
    let padded = format!("{}{request}", "x".repeat(280));
    for code in ["SignatureDoesNotMatch", "AccessDeniedException", "InvalidInputException", "Other"] {
        for message in [&request, &padded] {
            let shown = everything((400, json!({"__type": code, "message": message, "Message": message}))).await;
            assert!(shown.contains(code), "{shown}");
            assert_redacted(&shown);
        }
    }
    assert_redacted(&everything((500, json!({"__type": TOKEN, "message": KEY}))).await);
}

#[tokio::test]
async fn credentials_are_in_no_build_that_is_described() {
    let phase = json!({
        "phaseType": "DOWNLOAD_SOURCE", "phaseStatus": "FAILED", "contexts": [{"message": format!("sent {TOKEN}")}],
    });
    let build = json!({
        "id": "builds:1", "buildComplete": true, "buildStatus": "FAILED", "phases": [phase],
        "logs": {"deepLink": format!("https://console.example/?token={TOKEN}&key={KEY}")},
    });
    let shown = everything((200, json!({"build": build, "builds": [build], "ids": ["builds:1"]}))).await;
    assert!(shown.contains("DOWNLOAD_SOURCE") && shown.contains("[secret]"), "{shown}");
    assert_redacted(&shown);
}
