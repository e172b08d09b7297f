//! Jobs and messages that their workers can't bear.

use doorbell_messages::{JobKey, Status};
use serde_json::json;

use crate::fakes::{Call, Effect, Moment, Poison, locked};
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

/// A row whose worker has died early on, and which is due for long.
async fn overdue() -> (World, JobKey) {
    let world = World::new();
    // No event brings it on.
    locked(&world.shared.account).rules.copies = 0;
    let first = world.worker("a");
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(2)).await;
    first.process.kill();
    tokio::time::sleep(secs(3600)).await;
    assert!(world.row(&key).settled_at.is_none());
    (world, key)
}

#[tokio::test(start_paused = true)]
async fn a_suspected_row_is_handled_at_once_whatever_replies_are_lost() {
    for lost in
        [&[(1, Call::Update, Moment::After)][..], &[(2, Call::Update, Moment::Before), (2, Call::Load, Moment::Before)]]
    {
        let (world, key) = overdue().await;
        let second = world.worker("b");
        for (nth, call, moment) in lost {
            second.process.nth(*nth, *call, *moment, Effect::Fail);
        }
        tokio::time::sleep(secs(30)).await;
        let row = world.row(&key);
        assert!(row.settled_at.is_some() && row.strikes == 0, "with {lost:?} lost it still waits: {row:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_workers_are_killed_every_half_minute_no_job_is_put_aside_and_it_ends_when_they_live() {
    let world = World::new();
    let (key, body) = world.message(json!({}));
    *locked(&world.shared.poison) = Some((key.clone(), Poison::Death));
    world.shared.triggers.send(body);
    for number in 0..1000 {
        let worker = world.worker(&format!("w{number}"));
        tokio::time::sleep(secs(30)).await;
        worker.process.kill();
    }
    let row = world.row(&key);
    assert_eq!((row.strikes, row.isolated), (8, None));
    *locked(&world.shared.poison) = None;
    let _worker = world.worker("last");
    world.settle().await;
    assert_eq!((world.row(&key).status(), world.row(&key).strikes), (Status::Success, 0));
}
