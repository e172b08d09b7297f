//! Messages that cannot become jobs, and messages that cannot be deleted.

use serde_json::json;

use crate::fakes::{FaultAction, FaultPoint, PortCall, lock};
use crate::harness::{COMMIT, Simulation, TOPIC, secs};

const ID: &str = "00000000-0000-4000-8000-00000000000a";

async fn check_dead_lettered(body: impl Fn(&Simulation) -> String, reason: &str) {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    let body = body(&simulation);
    simulation.services.triggers.send(body.clone());
    simulation.wait_settled().await;
    let dead_letters = lock(&simulation.services.triggers.dead_letters).clone();
    assert_eq!(dead_letters.len(), 1, "{dead_letters:#?}");
    assert_eq!(dead_letters[0].body, body);
    assert_eq!(dead_letters[0].receive_count, 1);
    assert!(dead_letters[0].reason.contains(reason), "{}", dead_letters[0].reason);
    assert_eq!(simulation.rows(), []);
}

#[tokio::test(start_paused = true)]
async fn unparsable_message_is_dead_lettered_with_its_reason() {
    check_dead_lettered(|_| "no JSON at all".to_owned(), "not an SNS notification").await;
    check_dead_lettered(|simulation| simulation.envelope(ID, TOPIC, "{}"), "the request is refused").await;
    check_dead_lettered(
        |simulation| simulation.envelope(ID, TOPIC, r#"{"project":"demo","branch":"main","x":1}"#),
        "unknown field",
    )
    .await;
    let future = r#"{"version":2,"project":"demo","branch":"main"}"#;
    check_dead_lettered(|simulation| simulation.envelope(ID, TOPIC, future), "version 2 is unknown").await;
    let good = r#"{"project":"demo","branch":"main"}"#;
    check_dead_lettered(
        |simulation| simulation.envelope(ID, "arn:aws:sns:eu-west-1:666:evil", good),
        "published to another topic",
    )
    .await;
    check_dead_lettered(|simulation| simulation.envelope("a b", TOPIC, good), "the SNS message id").await;
    check_dead_lettered(
        |_| {
            json!({"Type": "Notification", "MessageId": ID, "TopicArn": TOPIC, "Message": good, "Timestamp": "x"})
                .to_string()
        },
        "$.Timestamp",
    )
    .await;
}

/// The request names an id of its own, so its key does not need SNS's. Its row, its series and its order would keep it.
#[tokio::test(start_paused = true)]
async fn hostile_message_id_never_reaches_a_row() {
    let named = json!({"project": "demo", "branch": "main", "id": "7", "commit": COMMIT}).to_string();
    let long = "0".repeat(30_000);
    for id in ["", "a#b~0", "a\nb", "a\u{202e}b", &long] {
        check_dead_lettered(|simulation| simulation.envelope(id, TOPIC, &named), "$.MessageId").await;
    }
    let topic = format!("arn:{}", "\u{200b}".repeat(10_000));
    check_dead_lettered(|simulation| simulation.envelope(ID, &topic, &named), "$.TopicArn").await;
}

/// A request's texts are for the owner's CLI: no flag shows them.
#[tokio::test(start_paused = true)]
async fn free_text_of_a_request_reaches_no_flag() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    let text = "zq\u{200b}\u{ad}zq";
    let words = json!({"cause": text, "origin": {"vendor": text, "buildUrl": text}, "variables": {"ZQZQ": text}});
    let rejected = simulation.publish(words.clone());
    let mut allowed = words;
    allowed["variables"] = json!(null);
    let built = simulation.publish(allowed);
    simulation.wait_settled().await;
    for key in [&rejected, &built] {
        let flags = simulation.flags(key);
        assert!(
            !flags.is_empty() && flags.iter().all(|flag| !flag.comment.to_lowercase().contains("zq")),
            "{flags:#?}"
        );
        assert_eq!(simulation.row(key).request.cause.unwrap().as_str(), "zqzq");
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_message_does_not_affect_valid_ones() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    for _ in 0..3 {
        simulation.publish(json!({}));
        simulation.services.triggers.send("bad".to_owned());
    }
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts(), [("success", 3)].into());
    assert_eq!(lock(&simulation.services.triggers.dead_letters).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn message_stays_queued_when_dead_lettering_fails() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    worker.process.fail_for(&[PortCall::DeadLetter], secs(40));
    simulation.services.triggers.send("bad".to_owned());
    tokio::time::sleep(secs(35)).await;
    assert_eq!(simulation.services.triggers.len(), 1);
    simulation.wait_settled().await;
    assert_eq!(lock(&simulation.services.triggers.dead_letters).len(), 1);
}

/// A delete call leaves one of ten messages in the queue and deletes the other nine.
#[tokio::test(start_paused = true)]
async fn message_with_failed_delete_is_a_duplicate_of_its_row() {
    let simulation = Simulation::new();
    let (key, body) = simulation.request_message(json!({}));
    for _ in 0..9 {
        simulation.publish(json!({}));
    }
    simulation.services.triggers.send(body.clone());
    *lock(&simulation.services.triggers.undeletable) = Some(body);
    let _worker = simulation.start_worker("a");
    simulation.wait_until("the others are gone", |simulation| simulation.services.triggers.len() == 1).await;
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts(), [("success", 10)].into());
    assert_eq!(simulation.own_builds(&key).len(), 1);
}

/// A principal that may send to the queue is a publisher, and no more: docs/threat-model.md.
#[tokio::test(start_paused = true)]
async fn forged_envelope_is_a_request_like_any_other() {
    let simulation = Simulation::new();
    simulation.register("demo", json!({ "refs": ["heads/main"] }));
    let _worker = simulation.start_worker("a");
    let forged = |id: &str, request: serde_json::Value| {
        let mut envelope: serde_json::Value =
            serde_json::from_str(&simulation.envelope(id, TOPIC, &request.to_string())).unwrap();
        envelope["Signature"] = json!("not SNS's");
        envelope["command"] = json!("./evil.sh");
        simulation.services.triggers.send(envelope.to_string());
    };
    forged(ID, json!({ "project": "demo", "branch": "main", "commit": COMMIT }));
    forged("00000000-0000-4000-8000-00000000000b", json!({ "project": "demo", "branch": "other", "commit": COMMIT }));
    forged(
        "00000000-0000-4000-8000-00000000000c",
        json!({ "project": "demo", "branch": "main", "command": "./evil.sh" }),
    );
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts(), [("success", 1), ("rejected", 1)].into());
    assert_eq!(lock(&simulation.services.triggers.dead_letters).len(), 1, "a request cannot name a command");
}

#[tokio::test(start_paused = true)]
async fn invalid_event_is_dead_lettered() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    simulation.services.events.send("{}".to_owned());
    tokio::time::sleep(secs(10)).await;
    assert_eq!(simulation.services.events.len(), 0);
    assert_eq!(lock(&simulation.services.events.dead_letters).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_stays_in_the_queue_until_its_row_is_durable() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    worker.process.fail_for(&[PortCall::Insert], secs(20));
    simulation.publish(json!({}));
    tokio::time::sleep(secs(19)).await;
    assert_eq!(simulation.services.triggers.len(), 1);
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts(), [("success", 1)].into());
}

#[tokio::test(start_paused = true)]
async fn failed_ack_causes_a_duplicate_but_no_build() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    worker.process.inject_next(PortCall::Ack, FaultPoint::Before, FaultAction::Fail);
    simulation.publish(json!({}));
    simulation.wait_settled().await;
    assert_eq!(lock(&simulation.services.provider).start_calls, 1);
}

#[tokio::test(start_paused = true)]
async fn expired_request_starts_nothing() {
    let simulation = Simulation::new();
    let (key, body) = simulation.request_message(json!({}));
    tokio::time::sleep(secs(72 * 3600 + 1)).await;
    let _worker = simulation.start_worker("a");
    simulation.services.triggers.send(body);
    simulation.wait_settled().await;
    assert_eq!(simulation.row(&key).status(), doorbell_messages::Status::Rejected);
    assert_eq!(lock(&simulation.services.provider).start_calls, 0);
}

#[tokio::test(start_paused = true)]
async fn request_for_a_newer_schema_row_stays_in_the_queue() {
    let simulation = Simulation::new();
    let new = simulation.start_worker_with_schema("new", 2);
    let (key, body) = simulation.request_message(json!({}));
    simulation.services.triggers.send(body.clone());
    simulation.wait_settled().await;
    new.process.kill();
    let row = simulation.row(&key);
    let old = simulation.start_worker("old");
    simulation.services.triggers.send(body);
    tokio::time::sleep(secs(600)).await;
    assert_eq!(simulation.services.triggers.len(), 1, "left for a worker that can read the row");
    assert_eq!(simulation.row(&key), row);
    old.process.kill();
    let _new = simulation.start_worker_with_schema("newer", 2);
    simulation.wait_until("the message is acked", |simulation| simulation.services.triggers.len() == 0).await;
    assert_eq!(simulation.row(&key), row);
}
