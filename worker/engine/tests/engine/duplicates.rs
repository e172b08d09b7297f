//! Messages that are duplicated, reordered or lost.

use doorbell_messages::Status;
use serde_json::json;

use crate::fakes::{FaultAction, FaultPoint, PortCall, event, lock};
use crate::harness::{Simulation, secs};

#[tokio::test(start_paused = true)]
async fn request_delivered_five_times_starts_one_build() {
    let simulation = Simulation::new();
    let _workers = [simulation.start_worker("a"), simulation.start_worker("b")];
    let (key, body) = simulation.request_message(json!({}));
    for _ in 0..3 {
        simulation.services.triggers.send(body.clone());
    }
    tokio::time::sleep(secs(10)).await;
    simulation.services.triggers.send(body.clone());
    simulation.wait_settled().await;
    simulation.services.triggers.send(body);
    simulation.wait_settled().await;
    simulation.only_build(&key);
    assert_eq!(simulation.reported(&key), [Status::Running, Status::Success]);
}

#[tokio::test(start_paused = true)]
async fn same_id_is_one_job_and_missing_ids_are_two_jobs() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    assert_eq!(simulation.publish(json!({"id": "x"})), simulation.publish(json!({"id": "x"})));
    assert_ne!(simulation.publish(json!({})), simulation.publish(json!({})));
    simulation.wait_settled().await;
    assert_eq!(lock(&simulation.services.provider).builds(simulation.services.now()).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn duplicate_and_reordered_events_change_nothing() {
    for (start_after, end_after) in [(300, 0), (40_000, 0), (0, 300), (90_000, 20_000)] {
        let simulation = Simulation::new();
        let _workers = [simulation.start_worker("a"), simulation.start_worker("b")];
        {
            let rules = &mut lock(&simulation.services.provider).behavior;
            rules.event_copies = 2;
            rules.start_event_after = std::time::Duration::from_millis(start_after);
            rules.end_event_after = std::time::Duration::from_millis(end_after);
        }
        let key = simulation.publish(json!({}));
        simulation.wait_settled().await;
        assert_eq!(simulation.reported(&key), [Status::Running, Status::Success], "{start_after} {end_after}");
    }
}

#[tokio::test(start_paused = true)]
async fn sweep_reports_the_result_without_any_event() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.event_copies = 0;
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(60 + 5 + 5)).await;
    assert_eq!(simulation.reported(&key), [Status::Running, Status::Success]);
    simulation.wait_settled().await;
}

#[tokio::test(start_paused = true)]
async fn lagging_index_causes_no_duplicate_effects() {
    let simulation = Simulation::new();
    let _workers = [simulation.start_worker("a"), simulation.start_worker("b")];
    lock(&simulation.services.ledger).index_lag = secs(20);
    lock(&simulation.services.provider).behavior.event_copies = 0;
    for _ in 0..10 {
        simulation.publish(json!({}));
    }
    simulation.wait_settled().await;
    assert_eq!(lock(&simulation.services.provider).start_calls, 10);
    assert_eq!(lock(&simulation.services.forge).history.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn leased_job_is_left_to_its_worker() {
    let simulation = Simulation::new();
    let slow = simulation.start_worker("a");
    slow.process.inject_next(PortCall::ReadProject, FaultPoint::Before, FaultAction::Delay(secs(40)));
    simulation.publish(json!({}));
    simulation.wait_until("its row is there", |simulation| !simulation.rows().is_empty()).await;
    let other = simulation.start_worker("b");
    tokio::time::sleep(secs(30)).await;
    assert_eq!(other.process.count(PortCall::ReadProject), 0);
    simulation.wait_settled().await;
}

#[tokio::test(start_paused = true)]
async fn false_final_event_is_not_trusted() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.build_time = secs(300);
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(5)).await;
    simulation.services.events.send(event(&simulation.only_build(&key), "SUCCEEDED"));
    tokio::time::sleep(secs(100)).await;
    assert_eq!(simulation.reported(&key), [Status::Running]);
    simulation.wait_settled().await;
    let end = simulation.flags(&key).pop().unwrap();
    let start = simulation.own_builds(&key)[0].started_at.unwrap();
    assert!(end.at.duration_since(start) >= secs(300));
}

#[tokio::test(start_paused = true)]
async fn provider_lagging_its_event_is_polled_again_soon() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.describe_lag = secs(3);
    let key = simulation.publish(json!({}));
    simulation.wait_settled().await;
    let end = simulation.flags(&key).pop().unwrap();
    let start = simulation.own_builds(&key)[0].started_at.unwrap();
    assert!(end.at.duration_since(start) < secs(30 + 5 + 5 + 2), "{:?}", end.at.duration_since(start));
}

#[tokio::test(start_paused = true)]
async fn event_of_an_unknown_build_is_acked_after_one_describe() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    simulation.services.events.send(event(&doorbell_messages::BuildId::new("builds:9999"), "SUCCEEDED"));
    let job_id = "000000000000:demo#x#0123456789abcdef01234567";
    let foreign =
        lock(&simulation.services.provider).foreign_build(job_id, "doorbell-worker/z", simulation.services.now());
    simulation.services.events.send(event(&foreign, "SUCCEEDED"));
    tokio::time::sleep(secs(300)).await;
    assert_eq!(simulation.services.events.len(), 0);
    assert!(worker.process.count(PortCall::Describe) <= 2);
    assert_eq!(worker.process.count(PortCall::Load), 0, "another installation's job is none of ours");
}

#[tokio::test(start_paused = true)]
async fn event_returns_to_the_queue_when_describe_fails() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(29)).await;
    worker.process.fail_for(&[PortCall::Describe], secs(5));
    tokio::time::sleep(secs(10)).await;
    assert_eq!(simulation.services.events.len(), 1);
    simulation.wait_settled().await;
    assert_eq!(simulation.reported(&key), [Status::Running, Status::Success]);
    assert_eq!(simulation.services.events.len(), 0);
}
