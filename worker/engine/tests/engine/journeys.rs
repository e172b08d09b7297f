//! Histories in which little goes wrong.

use doorbell_messages::Status;
use serde_json::json;

use crate::fakes::{Call, locked};
use crate::world::{World, deployment, secs};

#[tokio::test(start_paused = true)]
async fn a_request_becomes_one_build_and_two_flags() {
    let world = World::new();
    let worker = world.worker("a");
    let key = world.publish(json!({}));
    world.settle().await;
    assert_eq!(world.told(&key), [Status::Running, Status::Success]);
    assert_eq!(locked(&world.shared.account).starts, 1);
    assert_eq!(worker.process.count(Call::Tell), 2);
    assert_eq!(world.shared.events.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_asks_the_provider_and_the_forge_nothing() {
    let world = World::new();
    let worker = world.worker("a");
    tokio::time::sleep(secs(3600)).await;
    for call in Call::ALL.into_iter().filter(|call| *call != Call::Due) {
        assert_eq!(worker.process.count(call), 0, "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_command_is_told_as_failure_and_a_runner_that_failed_as_error() {
    for (code, expected) in [(3, Status::Failure), (241, Status::Error)] {
        let world = World::new();
        let _worker = world.worker("a");
        let phase = ("BUILD".to_owned(), format!("exit status {code}"));
        locked(&world.shared.account).rules.ends = ("FAILED".to_owned(), Some(phase));
        let key = world.publish(json!({}));
        world.settle().await;
        assert_eq!(world.told(&key), [Status::Running, expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_commit_the_forges_head_is_built_and_flagged() {
    let world = World::new();
    let worker = world.worker("a");
    let request = json!({"project": "demo", "branch": "main"});
    let body = world.envelope("00000000-0000-4000-8000-00000000000a", crate::world::TOPIC, &request.to_string());
    world.shared.triggers.send(body);
    world.settle().await;
    let rows = world.rows();
    let head = locked(&world.shared.pagure).head.clone();
    assert_eq!(world.flags(&rows[0].key).last().unwrap().commit, head);
    assert_eq!(worker.process.count(Call::Head), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_and_starts_nothing() {
    let world = World::new();
    let _worker = world.worker("a");
    let key = world.publish(json!({"variables": {"PATH": "/tmp"}}));
    world.settle().await;
    assert_eq!(world.told(&key), [Status::Rejected]);
    assert_eq!(locked(&world.shared.account).starts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_stops_the_build_of_its_job() {
    let world = World::new();
    let _worker = world.worker("a");
    locked(&world.shared.account).rules.build_time = secs(3000);
    let key = world.publish(json!({"id": "deploy-1"}));
    tokio::time::sleep(secs(20)).await;
    world.publish(json!({"id": "deploy-1", "action": "cancel"}));
    tokio::time::sleep(secs(100)).await;
    assert_eq!(world.told(&key), [Status::Running, Status::Canceled]);
    world.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_overtakes_its_job_leaves_nothing_to_start() {
    let world = World::new();
    let _worker = world.worker("a");
    world.publish(json!({"id": "deploy-1", "action": "cancel"}));
    tokio::time::sleep(secs(20)).await;
    let key = world.publish(json!({"id": "deploy-1"}));
    world.settle().await;
    assert_eq!(world.row(&key).status(), Status::Canceled);
    assert_eq!(locked(&world.shared.account).starts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_known_project_costs_no_second_look() {
    let world = World::new();
    let worker = world.worker("a");
    for _ in 0..30 {
        world.publish(json!({}));
    }
    world.settle().await;
    assert_eq!(worker.process.count(Call::ReadProject), 1, "30 requests, one look");
    assert_eq!(world.tally(), [("success", 30)].into());
}

#[tokio::test(start_paused = true)]
async fn the_first_write_of_a_job_whose_policy_is_known_is_its_claim() {
    let world = World::new();
    let worker = world.worker("a");
    world.publish(json!({}));
    tokio::time::sleep(secs(5)).await;
    worker.process.next(Call::Update, crate::fakes::Moment::Before, crate::fakes::Effect::Kill);
    let key = world.publish(json!({}));
    worker.process.is_down().await;
    assert_eq!(world.own_builds(&key).len(), 1, "started with no update before it");
}

#[tokio::test(start_paused = true)]
async fn a_build_by_somebody_else_is_neither_adopted_nor_stopped_nor_told() {
    let world = World::new();
    let worker = world.worker("a");
    worker.process.down(&[Call::Start], secs(30));
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(10)).await;
    let job_id = deployment().job_id(&key);
    let foreign = locked(&world.shared.account).foreign_build(&job_id, "mallory/x", world.shared.now());
    world.shared.events.send(crate::fakes::event(&foreign, "SUCCEEDED"));
    world.settle().await;
    let row = world.row(&key);
    assert_ne!(row.build().unwrap().id, foreign);
    assert_eq!(worker.process.count(Call::Stop), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_finishes_what_is_in_hand_and_what_its_open_polls_still_bring() {
    let world = World::new();
    let worker = world.worker("a");
    let key = world.publish(json!({}));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    worker.stop.cancel();
    // A poll is out: SQS would hand this one to it, whether or not somebody still listens.
    let at_the_poll = world.publish(json!({}));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let after_it = world.publish(json!({}));
    worker.ended.await.unwrap();
    for key in [key, at_the_poll] {
        assert_eq!(world.row(&key).status(), Status::Running);
        assert_eq!(world.told(&key), [Status::Running]);
    }
    assert!(world.rows().iter().all(|row| row.key != after_it));
    let _next = world.worker("b");
    world.settle().await;
    assert_eq!(world.tally(), [("success", 3)].into());
}
