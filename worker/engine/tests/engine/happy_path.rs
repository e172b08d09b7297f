//! Histories in which little goes wrong.

use doorbell_messages::Status;
use serde_json::json;

use crate::fakes::{PortCall, lock};
use crate::harness::{Simulation, installation, secs};

#[tokio::test(start_paused = true)]
async fn a_request_becomes_one_build_and_two_flags() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    let key = simulation.publish(json!({}));
    simulation.wait_settled().await;
    assert_eq!(simulation.reported(&key), [Status::Running, Status::Success]);
    assert_eq!(lock(&simulation.services.provider).start_calls, 1);
    assert_eq!(worker.process.count(PortCall::ReportStatus), 2);
    assert_eq!(simulation.services.events.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_asks_the_provider_and_the_forge_nothing() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    tokio::time::sleep(secs(3600)).await;
    for call in PortCall::ALL.into_iter().filter(|call| *call != PortCall::Due) {
        assert_eq!(worker.process.count(call), 0, "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_command_is_told_as_failure_and_a_runner_that_failed_as_error() {
    for (code, expected) in [(3, Status::Failure), (241, Status::Error)] {
        let simulation = Simulation::new();
        let _worker = simulation.start_worker("a");
        let phase = ("BUILD".to_owned(), format!("exit status {code}"));
        lock(&simulation.services.provider).behavior.result = ("FAILED".to_owned(), Some(phase));
        let key = simulation.publish(json!({}));
        simulation.wait_settled().await;
        assert_eq!(simulation.reported(&key), [Status::Running, expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_commit_the_forges_head_is_built_and_flagged() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    let request = json!({"project": "demo", "branch": "main"});
    let body = simulation.envelope("00000000-0000-4000-8000-00000000000a", crate::harness::TOPIC, &request.to_string());
    simulation.services.triggers.send(body);
    simulation.wait_settled().await;
    let rows = simulation.rows();
    let head = lock(&simulation.services.forge).head.clone();
    assert_eq!(simulation.flags(&rows[0].key).last().unwrap().commit, head);
    assert_eq!(worker.process.count(PortCall::ResolveRef), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_and_starts_nothing() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    let key = simulation.publish(json!({"variables": {"PATH": "/tmp"}}));
    simulation.wait_settled().await;
    assert_eq!(simulation.reported(&key), [Status::Rejected]);
    assert_eq!(lock(&simulation.services.provider).start_calls, 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_stops_the_build_of_its_job() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.build_time = secs(3000);
    let key = simulation.publish(json!({"id": "deploy-1"}));
    tokio::time::sleep(secs(20)).await;
    simulation.publish(json!({"id": "deploy-1", "action": "cancel"}));
    tokio::time::sleep(secs(100)).await;
    assert_eq!(simulation.reported(&key), [Status::Running, Status::Canceled]);
    simulation.wait_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_overtakes_its_job_leaves_nothing_to_start() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    simulation.publish(json!({"id": "deploy-1", "action": "cancel"}));
    tokio::time::sleep(secs(20)).await;
    let key = simulation.publish(json!({"id": "deploy-1"}));
    simulation.wait_settled().await;
    assert_eq!(simulation.row(&key).status(), Status::Canceled);
    assert_eq!(lock(&simulation.services.provider).start_calls, 0);
}

#[tokio::test(start_paused = true)]
async fn a_known_project_costs_no_second_look() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    for _ in 0..30 {
        simulation.publish(json!({}));
    }
    simulation.wait_settled().await;
    assert_eq!(worker.process.count(PortCall::ReadProject), 1, "30 requests, one look");
    assert_eq!(simulation.status_counts(), [("success", 30)].into());
}

#[tokio::test(start_paused = true)]
async fn the_first_write_of_a_job_whose_policy_is_known_is_its_claim() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    simulation.publish(json!({}));
    tokio::time::sleep(secs(5)).await;
    worker.process.inject_next(PortCall::Update, crate::fakes::FaultPoint::Before, crate::fakes::FaultAction::Kill);
    let key = simulation.publish(json!({}));
    worker.process.wait_down().await;
    assert_eq!(simulation.own_builds(&key).len(), 1, "started with no update before it");
}

#[tokio::test(start_paused = true)]
async fn a_build_by_somebody_else_is_neither_adopted_nor_stopped_nor_told() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    worker.process.fail_for(&[PortCall::Start], secs(30));
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(10)).await;
    let job_id = installation().job_id(&key);
    let foreign = lock(&simulation.services.provider).foreign_build(&job_id, "mallory/x", simulation.services.now());
    simulation.services.events.send(crate::fakes::event(&foreign, "SUCCEEDED"));
    simulation.wait_settled().await;
    let row = simulation.row(&key);
    assert_ne!(row.build().unwrap().id, foreign);
    assert_eq!(worker.process.count(PortCall::Stop), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_finishes_what_is_in_hand_and_what_its_open_polls_still_bring() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    let key = simulation.publish(json!({}));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    worker.stop.cancel();
    // A poll is out: SQS would hand this one to it, whether or not somebody still listens.
    let at_the_poll = simulation.publish(json!({}));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let after_it = simulation.publish(json!({}));
    worker.task.await.unwrap();
    for key in [key, at_the_poll] {
        assert_eq!(simulation.row(&key).status(), Status::Running);
        assert_eq!(simulation.reported(&key), [Status::Running]);
    }
    assert!(simulation.rows().iter().all(|row| row.key != after_it));
    let _next = simulation.start_worker("b");
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts(), [("success", 3)].into());
}
