//! Jobs and messages that their workers can't bear.

use doorbell_messages::Status;
use serde_json::json;

use crate::fakes::{Poison, locked};
use crate::world::{World, secs};

#[tokio::test(start_paused = true)]
async fn a_job_that_makes_its_handler_panic_is_put_aside_after_three_times_and_hurts_no_other() {
    let world = World::new();
    let worker = world.worker("a");
    let (bad, body) = world.message(json!({}));
    *locked(&world.shared.poison) = Some((bad.clone(), Poison::Panic));
    world.shared.triggers.send(body);
    let good: Vec<_> = (0..20).map(|_| world.publish(json!({}))).collect();
    world.settle().await;
    let row = world.row(&bad);
    assert_eq!(
        row.isolated.as_deref(),
        Some("put aside: handling it was begun again and again, and never came to its end")
    );
    assert!(good.iter().all(|key| world.row(key).status() == Status::Success));
    assert!(!worker.ended.is_finished(), "the worker lives");
    world.shared.events.send(crate::fakes::event(&world.build_of(&good[0]), "SUCCEEDED"));
    tokio::time::sleep(secs(100)).await;
    assert_eq!(world.row(&bad), row, "nobody touches it any more");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_kills_its_workers_is_put_aside_too() {
    let world = World::new();
    let mut worker = world.worker("w");
    let (bad, body) = world.message(json!({}));
    *locked(&world.shared.poison) = Some((bad.clone(), Poison::Death));
    world.shared.triggers.send(body);
    for _ in 0..20 {
        world.publish(json!({}));
    }
    let mut deaths = 0;
    while world.rows().is_empty() || !locked(&world.shared.table).is_at_rest() {
        tokio::time::sleep(secs(5)).await;
        if worker.process.is_down_now() {
            deaths += 1;
            assert!(deaths < 40, "it kills for ever");
            worker = world.worker(&format!("w{deaths}"));
        }
    }
    world.settle().await;
    println!("{deaths} workers died of it");
    assert!(world.row(&bad).isolated.is_some());
    let good = world.rows().into_iter().filter(|row| row.key != bad);
    assert!(good.map(|row| row.status()).all(|status| status == Status::Success));
}

#[tokio::test(start_paused = true)]
async fn rows_that_were_due_for_long_are_handled_and_not_held_against_them() {
    let world = World::new();
    let first = world.worker("a");
    let keys: Vec<_> = (0..10).map(|_| world.publish(json!({}))).collect();
    tokio::time::sleep(secs(5)).await;
    first.process.kill();
    tokio::time::sleep(secs(3600)).await;
    let _second = world.worker("b");
    world.settle().await;
    for key in keys {
        assert_eq!((world.row(&key).status(), world.row(&key).strikes), (Status::Success, 0));
    }
}
