//! Jobs without faults, and small deviations from that.

use doorbell_engine::domain::BuildOutcome;
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
async fn idle_worker_makes_no_provider_or_forge_calls() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    tokio::time::sleep(secs(3600)).await;
    for call in PortCall::ALL.into_iter().filter(|call| ![PortCall::Due, PortCall::ListProjects].contains(call)) {
        assert_eq!(worker.process.count(call), 0, "{call:?}");
    }
    let listings = worker.process.count(PortCall::ListProjects);
    assert!(listings <= 7, "{listings} pages in an hour: one each ten minutes");
}

#[tokio::test(start_paused = true)]
async fn command_failure_is_failure_and_runner_failure_is_error() {
    for (code, expected) in [(3, Status::Failure), (241, Status::Error)] {
        let simulation = Simulation::new();
        let _worker = simulation.start_worker("a");
        lock(&simulation.services.provider).behavior.result = BuildOutcome::from_exit_code(code);
        let key = simulation.publish(json!({}));
        simulation.wait_settled().await;
        assert_eq!(simulation.reported(&key), [Status::Running, expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn missing_commit_is_resolved_by_the_forge_and_built() {
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
async fn rejection_is_reported_and_starts_nothing() {
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
async fn cancel_before_its_start_request_prevents_the_build() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    // Published before its cancel, and delivered after it.
    let (key, start) = simulation.request_message(json!({"id": "deploy-1"}));
    tokio::time::sleep(secs(1)).await;
    simulation.publish(json!({"id": "deploy-1", "action": "cancel"}));
    tokio::time::sleep(secs(20)).await;
    simulation.services.triggers.send(start);
    simulation.wait_settled().await;
    assert_eq!(simulation.row(&key).status(), Status::Canceled);
    assert_eq!(lock(&simulation.services.provider).start_calls, 0);
}

#[tokio::test(start_paused = true)]
async fn known_project_is_read_from_the_cache() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    for _ in 0..30 {
        simulation.publish(json!({}));
    }
    simulation.wait_settled().await;
    assert_eq!(worker.process.count(PortCall::ReadProject), 1, "30 requests, one read");
    assert_eq!(simulation.status_counts(), [("success", 30)].into());
}

#[tokio::test(start_paused = true)]
async fn insert_claims_the_start_when_the_policy_is_cached() {
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
async fn foreign_build_is_neither_adopted_stopped_nor_reported() {
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
async fn shutdown_finishes_in_flight_jobs_and_open_polls() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    let key = simulation.publish(json!({}));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    worker.stop.cancel();
    // A poll is in flight: SQS delivers this message to it, whether or not the worker still waits.
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

#[tokio::test(start_paused = true)]
async fn shutdown_starts_jobs_that_wait_for_their_document() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    simulation.publish(json!({}));
    simulation.wait_settled().await;
    worker.stop.cancel();
    // It arrives at the poll in flight. The worker's copy of the document is too old by now: the job waits in its memory,
    // and not in a task.
    let key = simulation.publish(json!({}));
    worker.task.await.unwrap();
    assert_eq!(simulation.row(&key).status(), Status::Running);
}
