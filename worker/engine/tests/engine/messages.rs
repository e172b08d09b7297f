//! Messages that can't be worked on.

use serde_json::json;

use crate::fakes::{Call, Effect, Moment, locked};
use crate::world::{TOPIC, World, secs};

const ID: &str = "00000000-0000-4000-8000-00000000000a";

async fn check_buried(body: impl Fn(&World) -> String, reason: &str) {
    let world = World::new();
    let _worker = world.worker("a");
    let body = body(&world);
    world.shared.triggers.send(body.clone());
    world.settle().await;
    let letters = locked(&world.shared.triggers.dead_letters).clone();
    assert_eq!(letters.len(), 1, "{letters:#?}");
    assert_eq!(letters[0].body, body);
    assert_eq!(letters[0].receive_count, 1);
    assert!(letters[0].reason.contains(reason), "{}", letters[0].reason);
    assert_eq!(world.rows(), []);
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_parsed_or_keyed_is_buried_with_its_reason() {
    check_buried(|_| "no JSON at all".to_owned(), "not an SNS notification").await;
    check_buried(|world| world.envelope(ID, TOPIC, "{}"), "the request is refused").await;
    check_buried(|world| world.envelope(ID, TOPIC, r#"{"project":"demo","branch":"main","x":1}"#), "unknown field")
        .await;
    let future = r#"{"version":2,"project":"demo","branch":"main"}"#;
    check_buried(|world| world.envelope(ID, TOPIC, future), "version 2 is unknown").await;
    let good = r#"{"project":"demo","branch":"main"}"#;
    check_buried(|world| world.envelope(ID, "arn:aws:sns:eu-west-1:666:evil", good), "published to another topic")
        .await;
    check_buried(|world| world.envelope("a b", TOPIC, good), "the SNS message id").await;
    check_buried(
        |_| {
            json!({"Type": "Notification", "MessageId": ID, "TopicArn": TOPIC, "Message": good, "Timestamp": "x"})
                .to_string()
        },
        "$.Timestamp",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_message_among_good_ones_hurts_none_of_them() {
    let world = World::new();
    let _worker = world.worker("a");
    for _ in 0..3 {
        world.publish(json!({}));
        world.shared.triggers.send("bad".to_owned());
    }
    world.settle().await;
    assert_eq!(world.tally(), [("success", 3)].into());
    assert_eq!(locked(&world.shared.triggers.dead_letters).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_dead_letter_queue_does_not_take_stays() {
    let world = World::new();
    let worker = world.worker("a");
    worker.process.down(&[Call::Bury], secs(40));
    world.shared.triggers.send("bad".to_owned());
    tokio::time::sleep(secs(35)).await;
    assert_eq!(world.shared.triggers.len(), 1);
    world.settle().await;
    assert_eq!(locked(&world.shared.triggers.dead_letters).len(), 1);
}

/// One of ten is left in the queue by a call that deletes the nine others.
#[tokio::test(start_paused = true)]
async fn a_message_whose_delete_fails_comes_back_and_meets_its_row() {
    let world = World::new();
    let (key, body) = world.message(json!({}));
    for _ in 0..9 {
        world.publish(json!({}));
    }
    world.shared.triggers.send(body.clone());
    *locked(&world.shared.triggers.sticks) = Some(body);
    let _worker = world.worker("a");
    world.until("the others are gone", |world| world.shared.triggers.len() == 1).await;
    world.settle().await;
    assert_eq!(world.tally(), [("success", 10)].into());
    assert_eq!(world.own_builds(&key).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bad_event_is_buried_too() {
    let world = World::new();
    let _worker = world.worker("a");
    world.shared.events.send("{}".to_owned());
    tokio::time::sleep(secs(10)).await;
    assert_eq!(world.shared.events.len(), 0);
    assert_eq!(locked(&world.shared.events.dead_letters).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_stays_in_the_queue_until_its_row_is_durable() {
    let world = World::new();
    let worker = world.worker("a");
    worker.process.down(&[Call::Insert], secs(20));
    world.publish(json!({}));
    tokio::time::sleep(secs(19)).await;
    assert_eq!(world.shared.triggers.len(), 1);
    world.settle().await;
    assert_eq!(world.tally(), [("success", 1)].into());
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_fails_makes_a_duplicate_and_no_build() {
    let world = World::new();
    let worker = world.worker("a");
    worker.process.next(Call::Ack, Moment::Before, Effect::Fail);
    world.publish(json!({}));
    world.settle().await;
    assert_eq!(locked(&world.shared.account).starts, 1);
}

#[tokio::test(start_paused = true)]
async fn old_news_starts_nothing() {
    let world = World::new();
    let (key, body) = world.message(json!({}));
    tokio::time::sleep(secs(72 * 3600 + 1)).await;
    let _worker = world.worker("a");
    world.shared.triggers.send(body);
    world.settle().await;
    assert_eq!(world.row(&key).status(), doorbell_messages::Status::Rejected);
    assert_eq!(locked(&world.shared.account).starts, 0);
}
