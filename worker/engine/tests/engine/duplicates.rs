//! Everything comes twice, in any order, or not at all.

use doorbell_messages::Status;
use serde_json::json;

use crate::fakes::{Call, Effect, Moment, event, locked};
use crate::world::{World, secs};

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_five_times_starts_one_build() {
    let world = World::new();
    let _workers = [world.worker("a"), world.worker("b")];
    let (key, body) = world.message(json!({}));
    for _ in 0..3 {
        world.shared.triggers.send(body.clone());
    }
    tokio::time::sleep(secs(10)).await;
    world.shared.triggers.send(body.clone());
    world.settle().await;
    world.shared.triggers.send(body);
    world.settle().await;
    world.build_of(&key);
    assert_eq!(world.told(&key), [Status::Running, Status::Success]);
}

#[tokio::test(start_paused = true)]
async fn the_same_id_published_twice_is_one_job_and_without_an_id_there_are_two() {
    let world = World::new();
    let _worker = world.worker("a");
    assert_eq!(world.publish(json!({"id": "x"})), world.publish(json!({"id": "x"})));
    assert_ne!(world.publish(json!({})), world.publish(json!({})));
    world.settle().await;
    assert_eq!(locked(&world.shared.account).builds(world.shared.now()).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn events_that_come_twice_and_backwards_change_nothing() {
    for (start_after, end_after) in [(300, 0), (40_000, 0), (0, 300), (90_000, 20_000)] {
        let world = World::new();
        let _workers = [world.worker("a"), world.worker("b")];
        {
            let rules = &mut locked(&world.shared.account).rules;
            rules.copies = 2;
            rules.start_event_after = std::time::Duration::from_millis(start_after);
            rules.end_event_after = std::time::Duration::from_millis(end_after);
        }
        let key = world.publish(json!({}));
        world.settle().await;
        assert_eq!(world.told(&key), [Status::Running, Status::Success], "{start_after} {end_after}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_event_the_sweep_tells_the_end() {
    let world = World::new();
    let _worker = world.worker("a");
    locked(&world.shared.account).rules.copies = 0;
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(60 + 5 + 5)).await;
    assert_eq!(world.told(&key), [Status::Running, Status::Success]);
    world.settle().await;
}

#[tokio::test(start_paused = true)]
async fn an_index_that_lags_makes_nothing_happen_twice() {
    let world = World::new();
    let _workers = [world.worker("a"), world.worker("b")];
    locked(&world.shared.table).lag = secs(20);
    locked(&world.shared.account).rules.copies = 0;
    for _ in 0..10 {
        world.publish(json!({}));
    }
    world.settle().await;
    assert_eq!(locked(&world.shared.account).starts, 10);
    assert_eq!(locked(&world.shared.pagure).history.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_a_worker_has_just_taken_is_left_to_it() {
    let world = World::new();
    let slow = world.worker("a");
    slow.process.next(Call::ReadProject, Moment::Before, Effect::Delay(secs(40)));
    world.publish(json!({}));
    world.until("its row is there", |world| !world.rows().is_empty()).await;
    let other = world.worker("b");
    tokio::time::sleep(secs(30)).await;
    assert_eq!(other.process.count(Call::ReadProject), 0);
    world.settle().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_lies_about_the_end_is_not_believed() {
    let world = World::new();
    let _worker = world.worker("a");
    locked(&world.shared.account).rules.build_time = secs(300);
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(5)).await;
    world.shared.events.send(event(&world.build_of(&key), "SUCCEEDED"));
    tokio::time::sleep(secs(100)).await;
    assert_eq!(world.told(&key), [Status::Running]);
    world.settle().await;
    let end = world.flags(&key).pop().unwrap();
    let start = world.own_builds(&key)[0].started_at.unwrap();
    assert!(end.at.since(start) >= secs(300));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_lags_behind_its_own_event_is_asked_again_soon() {
    let world = World::new();
    let _worker = world.worker("a");
    locked(&world.shared.account).rules.end_lag = secs(3);
    let key = world.publish(json!({}));
    world.settle().await;
    let end = world.flags(&key).pop().unwrap();
    let start = world.own_builds(&key)[0].started_at.unwrap();
    assert!(end.at.since(start) < secs(30 + 5 + 5 + 2), "{:?}", end.at.since(start));
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_build_that_nobody_knows_is_read_once_and_forgotten() {
    let world = World::new();
    let worker = world.worker("a");
    world.shared.events.send(event(&doorbell_messages::BuildId::new("builds:9999"), "SUCCEEDED"));
    let job_id = "000000000000:demo#x#0123456789abcdef01234567";
    let foreign = locked(&world.shared.account).foreign_build(job_id, "doorbell-worker/z", world.shared.now());
    world.shared.events.send(event(&foreign, "SUCCEEDED"));
    tokio::time::sleep(secs(300)).await;
    assert_eq!(world.shared.events.len(), 0);
    assert!(worker.process.count(Call::Describe) <= 2);
    assert_eq!(worker.process.count(Call::Load), 0, "another installation's job is none of ours");
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_build_can_not_be_asked_after_comes_back() {
    let world = World::new();
    let worker = world.worker("a");
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(29)).await;
    worker.process.down(&[Call::Describe], secs(5));
    tokio::time::sleep(secs(10)).await;
    assert_eq!(world.shared.events.len(), 1);
    world.settle().await;
    assert_eq!(world.told(&key), [Status::Running, Status::Success]);
    assert_eq!(world.shared.events.len(), 0);
}
