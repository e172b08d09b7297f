//! Services that are down for a while: nothing is lost, and nobody is hammered.

use std::sync::atomic::Ordering;

use doorbell_messages::Status;
use serde_json::json;

use crate::fakes::{Call, Effect, Moment, locked};
use crate::world::{World, secs};

#[tokio::test(start_paused = true)]
async fn a_ledger_that_is_down_for_a_minute_costs_time_and_nothing_else() {
    for since in [0, 1, 10, 29, 31] {
        let world = World::new();
        let worker = world.worker("a");
        let key = world.publish(json!({}));
        tokio::time::sleep(secs(since)).await;
        worker.process.down(&Call::LEDGER, secs(60));
        world.publish(json!({}));
        world.settle().await;
        assert_eq!(world.tally(), [("success", 2)].into());
        world.build_of(&key);
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_is_down_for_an_hour_is_asked_gently() {
    let world = World::new();
    let worker = world.worker("a");
    worker.process.down(&[Call::ReadProject], secs(3600));
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(3600)).await;
    let looks = worker.process.count(Call::ReadProject);
    assert!((5..40).contains(&looks), "{looks} looks in an hour");
    assert_eq!(world.row(&key).status(), Status::Queued);
    world.settle().await;
    assert_eq!(world.row(&key).status(), Status::Success);
}

#[tokio::test(start_paused = true)]
async fn a_project_is_unknown_only_after_two_looks() {
    for (misses, expected) in [(1, Status::Success), (2, Status::Rejected)] {
        let world = World::new();
        let _worker = world.worker("a");
        locked(&world.shared.parameters).misses = misses;
        let key = world.publish(json!({}));
        world.settle().await;
        assert_eq!(world.row(&key).status(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_an_unknown_name_costs_two_looks_a_few_seconds() {
    let world = World::new();
    let worker = world.worker("a");
    locked(&world.shared.parameters).projects.clear();
    for _ in 0..100 {
        world.publish(json!({}));
    }
    world.settle().await;
    assert_eq!(world.tally(), [("rejected", 100)].into());
    assert!(worker.process.count(Call::ReadProject) <= 4, "{}", worker.process.count(Call::ReadProject));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_rotated_is_read_afresh_once() {
    let world = World::new();
    let worker = world.worker("a");
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(10)).await;
    locked(&world.shared.pagure).tokens = ["token-2".to_owned()].into();
    locked(&world.shared.parameters).secrets.insert("forge/demo".to_owned(), "token-2".to_owned());
    world.settle().await;
    assert_eq!(world.told(&key), [Status::Running, Status::Success]);
    assert_eq!(worker.process.count(Call::ReadSecret), 2);
    assert_eq!(locked(&world.shared.pagure).unauthorized, 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_nobody_rotates_back_is_tried_slowly_and_then_works() {
    let world = World::new();
    let worker = world.worker("a");
    locked(&world.shared.pagure).tokens.clear();
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(3600)).await;
    assert!(worker.process.count(Call::Tell) < 40, "{}", worker.process.count(Call::Tell));
    locked(&world.shared.pagure).tokens = ["token-1".to_owned()].into();
    world.settle().await;
    assert_eq!(world.told(&key), [Status::Success]);
}

#[tokio::test(start_paused = true)]
async fn a_forge_that_is_down_for_an_hour_gets_the_latest_status_only() {
    let world = World::new();
    let worker = world.worker("a");
    worker.process.down(&[Call::Tell], secs(3600));
    let key = world.publish(json!({}));
    world.settle().await;
    assert_eq!(world.told(&key), [Status::Success]);
    assert!(worker.process.count(Call::Tell) < 30, "{}", worker.process.count(Call::Tell));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_answer_startbuild_for_an_hour_gets_one_build() {
    let world = World::new();
    let worker = world.worker("a");
    worker.process.down(&[Call::Start], secs(3600));
    let key = world.publish(json!({}));
    world.settle().await;
    world.build_of(&key);
    assert_eq!(world.row(&key).status(), Status::Success);
}

#[tokio::test(start_paused = true)]
async fn without_the_time_nothing_is_decided_and_nothing_is_lost() {
    let world = World::new();
    let worker = world.worker("a");
    world.shared.is_time_known.store(false, Ordering::Relaxed);
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(100)).await;
    assert_eq!((world.rows().len(), world.shared.triggers.len()), (0, 1));
    assert_eq!(worker.process.count(Call::Due), 0, "nothing is due at no time");
    world.shared.is_time_known.store(true, Ordering::Relaxed);
    world.settle().await;
    assert_eq!(world.row(&key).status(), Status::Success);
}

#[tokio::test(start_paused = true)]
async fn a_slow_forge_keeps_no_other_job_from_its_build() {
    let world = World::new();
    let worker = world.worker("a");
    worker.process.next(Call::Tell, Moment::Before, Effect::Delay(secs(25)));
    world.publish(json!({}));
    tokio::time::sleep(secs(2)).await;
    let second = world.publish(json!({}));
    tokio::time::sleep(secs(2)).await;
    world.build_of(&second);
    world.settle().await;
}
