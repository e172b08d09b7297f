//! Builds whose events never come, and much of everything.

use doorbell_messages::Status;
use serde_json::json;

use crate::fakes::{Call, Poison, event, locked};
use crate::world::{World, secs};

#[tokio::test(start_paused = true)]
async fn with_every_event_lost_each_job_ends_right_within_two_reconcile_periods() {
    for build_time in [5, 100, 1800, 9000] {
        let world = World::new();
        {
            let rules = &mut locked(&world.shared.account).rules;
            (rules.copies, rules.build_time, rules.limit) = (0, secs(build_time), 100);
        }
        let _workers = [world.worker("a"), world.worker("b")];
        let keys: Vec<_> = (0..50).map(|_| world.publish(json!({}))).collect();
        world.settle().await;
        // A young build's period is a minute, an old one's a tenth of its age, up to ten minutes.
        let period = (build_time / 10).clamp(60, 600);
        for key in keys {
            let ended = world.own_builds(&key)[0].ended_at.unwrap();
            let flag = world.flags(&key).into_iter().find(|flag| flag.status.is_final()).unwrap();
            assert_eq!(flag.status, Status::Success);
            let late = flag.at.since(ended);
            assert!(late <= secs(2 * period), "{build_time} s: told {late:?} after the end");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_running_builds_cost_few_calls() {
    let world = World::new();
    {
        let rules = &mut locked(&world.shared.account).rules;
        (rules.copies, rules.build_time, rules.limit) = (0, secs(7200), 100_000);
        locked(&world.shared.table).page = 100;
        // Nobody is told: this is about builds.
        world.register("demo", json!({"reportTo": null}));
    }
    let worker = world.worker("a");
    // `DOORBELL_BUILDS=10000`, as the suite `simulation` has it, takes a while.
    let builds: usize = std::env::var("DOORBELL_BUILDS").map_or(1000, |text| text.parse().unwrap());
    for _ in 0..builds {
        world.publish(json!({}));
    }
    tokio::time::sleep(secs(6000)).await;
    assert_eq!(world.tally(), [("running", builds)].into());
    let before = worker.process.count(Call::Describe);
    tokio::time::sleep(secs(600)).await;
    let calls = worker.process.count(Call::Describe) - before;
    println!("{calls} BatchGetBuilds in ten minutes for {builds} running builds");
    assert!(calls <= 250, "{calls} calls in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn a_forged_event_of_a_success_is_not_believed() {
    let world = World::new();
    let _worker = world.worker("a");
    locked(&world.shared.account).rules.build_time = secs(500);
    locked(&world.shared.account).rules.ends =
        ("FAILED".to_owned(), Some(("BUILD".to_owned(), "exit status 1".to_owned())));
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(20)).await;
    world.shared.events.send(event(&world.build_of(&key), "SUCCEEDED"));
    tokio::time::sleep(secs(60)).await;
    assert_eq!(world.told(&key), [Status::Running]);
    world.settle().await;
    assert_eq!(world.told(&key), [Status::Running, Status::Failure]);
}

#[tokio::test(start_paused = true)]
async fn a_second_build_of_a_job_is_stopped() {
    let world = World::new();
    let worker = world.worker("a");
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(10)).await;
    let job_id = crate::world::deployment().job_id(&key);
    let second = locked(&world.shared.account).foreign_build(&job_id, "doorbell-worker/x", world.shared.now());
    world.shared.events.send(event(&second, "IN_PROGRESS"));
    tokio::time::sleep(secs(5)).await;
    assert_eq!(worker.process.count(Call::Stop), 1);
    let builds = locked(&world.shared.account).builds(world.shared.now());
    let status = |id: &str| builds.iter().find(|build| build.id.as_str() == id).unwrap().status.clone();
    assert_eq!(status(second.as_str()), "STOPPED");
    assert!(world.row(&key).trail.iter().any(|note| note.text == format!("second build {second} of this job")));
    tokio::time::sleep(secs(100)).await;
    assert_eq!(world.told(&key), [Status::Running, Status::Success]);
}

#[tokio::test(start_paused = true)]
async fn a_build_that_the_provider_forgets_is_told_as_lost_after_an_hour() {
    let world = World::new();
    let _worker = world.worker("a");
    locked(&world.shared.account).rules.copies = 0;
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(10)).await;
    let build = world.build_of(&key);
    locked(&world.shared.account).forget(&build);
    tokio::time::sleep(secs(3500)).await;
    assert_eq!(world.told(&key), [Status::Running]);
    world.settle().await;
    assert_eq!(world.told(&key), [Status::Running, Status::Error]);
    assert!(world.flags(&key)[1].comment.starts_with("lost by the provider"));
}

#[tokio::test(start_paused = true)]
async fn where_a_second_deploy_is_worse_than_none_nothing_is_sent_again() {
    let world = World::new();
    world.register("demo", json!({"onUnknownStart": "stop"}));
    let first = world.worker("a");
    let (key, body) = world.message(json!({}));
    *locked(&world.shared.poison) = Some((key.clone(), Poison::Death));
    world.shared.triggers.send(body);
    first.process.is_down().await;
    *locked(&world.shared.poison) = None;
    tokio::time::sleep(secs(300)).await;
    let second = world.worker("b");
    world.settle().await;
    assert_eq!(second.process.count(Call::Start), 0);
    assert_eq!(world.told(&key).last(), Some(&Status::Error));
    assert!(world.flags(&key).last().unwrap().comment.starts_with("unknown whether it started"));
}

#[tokio::test(start_paused = true)]
async fn workers_of_two_versions_work_side_by_side_and_the_older_one_leaves_newer_rows_alone() {
    let world = World::new();
    locked(&world.shared.account).rules.limit = 100;
    let old = world.worker("old");
    let _new = world.worker_of("new", 2);
    let keys: Vec<_> = (0..40).map(|_| world.publish(json!({}))).collect();
    tokio::time::sleep(secs(20)).await;
    old.process.kill();
    let _old_again = world.worker("old-again");
    world.settle().await;
    assert_eq!(world.tally(), [("success", keys.len())].into());
    assert_eq!(locked(&world.shared.account).starts, 40);
}
