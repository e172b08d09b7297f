//! An endpoint that repeats the session token and the key in each answer: none of it is kept.

use aws_config::Region;
use aws_credential_types::Credentials;
use doorbell_engine::domain::{BuildQuery, Timestamp};
use doorbell_engine::ports::{BuildProvider, JobLedger, MessageQueue, ProjectRegistry, ReceiptHandle, SecretStore};
use doorbell_messages::{BuildId, DeadLetter};
use serde_json::{Value, json};

use super::AwsStub;
use crate::aws::clock::AwsClock;
use crate::aws::{Connection, DynamoDbLedger, Initiator, SecretsManagerStore, SqsQueue, SsmRegistry};
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
    let (key, id) = ("demo#a#0123456789abcdef01234567".parse().unwrap(), BuildId::new("builds:1"));
    let at = Timestamp::from_millis(0);
    let query = BuildQuery { target: "builds".parse().unwrap(), not_before: at, asked_at: at };
    let letter = DeadLetter::new("a reason".to_owned(), 1, "m".to_owned(), "{}");
    [
        format!("{:?}", queue.receive(std::time::Duration::from_secs(1)).await.err()),
        format!("{:?}", queue.ack(vec![ReceiptHandle("r".to_owned())]).await),
        format!("{:?}", queue.dead_letter(letter).await),
        format!("{:?}", ledger.load(&[key]).await),
        format!("{:?}", registry.read_one(&"demo".parse().unwrap()).await.err()),
        format!("{:?}", registry.read(&["demo".parse().unwrap()]).await.err()),
        format!("{:?}", registry.list_names(None).await.err()),
        format!("{:?}", secrets.read(&"forge/demo".parse().unwrap()).await.err()),
        format!("{:?}", builds.start(&super::codebuild::spec(), "0123456789abcdef").await),
        format!("{:?}", builds.list(&query).await),
        format!("{:?}", builds.describe(std::slice::from_ref(&id)).await),
        format!("{:?}", builds.stop(&id).await),
    ]
    .join("\n")
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
