//! Builds whose events are lost or forged, and large numbers of builds.

use doorbell_engine::domain::{BuildOutcome, BuildState};
use doorbell_messages::Status;
use serde_json::json;

use crate::fakes::{Poison, PortCall, event, lock};
use crate::harness::{Simulation, secs};

#[tokio::test(start_paused = true)]
async fn lost_events_are_recovered_within_two_poll_intervals() {
    for build_time in [5, 100, 1800, 9000] {
        let simulation = Simulation::new();
        {
            let rules = &mut lock(&simulation.services.provider).behavior;
            (rules.event_copies, rules.build_time, rules.build_limit) = (0, secs(build_time), 100);
        }
        let _workers = [simulation.start_worker("a"), simulation.start_worker("b")];
        let keys: Vec<_> = (0..50).map(|_| simulation.publish(json!({}))).collect();
        simulation.wait_settled().await;
        // The poll interval of a young build is a minute, that of an old one a tenth of its age, up to ten minutes.
        let period = (build_time / 10).clamp(60, 600);
        for key in keys {
            let ended = simulation.own_builds(&key)[0].ended_at.unwrap();
            let flag = simulation.flags(&key).into_iter().find(|flag| flag.status.is_final()).unwrap();
            assert_eq!(flag.status, Status::Success);
            let late = flag.at.duration_since(ended);
            assert!(late <= secs(2 * period), "{build_time} s: reported {late:?} after the end");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_running_builds_cost_few_calls() {
    let simulation = Simulation::new();
    {
        let rules = &mut lock(&simulation.services.provider).behavior;
        (rules.event_copies, rules.build_time, rules.build_limit) = (0, secs(7200), 100_000);
        lock(&simulation.services.ledger).page_size = 100;
        // No reports: this test is about builds.
        simulation.register("demo", json!({"reportTo": null}));
    }
    let worker = simulation.start_worker("a");
    // The suite `simulation` sets `DOORBELL_BUILDS=10000`, which takes a minute.
    let builds: usize = std::env::var("DOORBELL_BUILDS").map_or(1000, |text| text.parse().unwrap());
    for _ in 0..builds {
        simulation.publish(json!({}));
    }
    tokio::time::sleep(secs(6000)).await;
    assert_eq!(simulation.status_counts(), [("running", builds)].into());
    let before = worker.process.count(PortCall::Describe);
    tokio::time::sleep(secs(600)).await;
    let calls = worker.process.count(PortCall::Describe) - before;
    println!("{calls} BatchGetBuilds in ten minutes for {builds} running builds");
    assert!(calls <= 250, "{calls} calls in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn forged_success_event_is_not_trusted() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.build_time = secs(500);
    lock(&simulation.services.provider).behavior.result = BuildOutcome::from_exit_code(1);
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(20)).await;
    simulation.services.events.send(event(&simulation.only_build(&key), "SUCCEEDED"));
    tokio::time::sleep(secs(60)).await;
    assert_eq!(simulation.reported(&key), [Status::Running]);
    simulation.wait_settled().await;
    assert_eq!(simulation.reported(&key), [Status::Running, Status::Failure]);
}

#[tokio::test(start_paused = true)]
async fn duplicate_build_of_a_job_is_stopped() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(10)).await;
    let job_id = crate::harness::installation().job_id(&key);
    let second =
        lock(&simulation.services.provider).foreign_build(&job_id, "doorbell-worker/x", simulation.services.now());
    simulation.services.events.send(event(&second, "IN_PROGRESS"));
    tokio::time::sleep(secs(5)).await;
    assert_eq!(worker.process.count(PortCall::Stop), 1);
    let builds = lock(&simulation.services.provider).builds(simulation.services.now());
    let state = |id: &str| builds.iter().find(|build| build.id.as_str() == id).unwrap().state.clone();
    assert_eq!(state(second.as_str()), BuildState::Ended(BuildOutcome::Canceled));
    assert!(simulation.row(&key).trail.iter().any(|note| note.message == format!("duplicate build {second} detected")));
    tokio::time::sleep(secs(100)).await;
    assert_eq!(simulation.reported(&key), [Status::Running, Status::Success]);
}

#[tokio::test(start_paused = true)]
async fn build_lost_by_the_provider_is_an_error_after_an_hour() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.event_copies = 0;
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(10)).await;
    let build = simulation.only_build(&key);
    lock(&simulation.services.provider).remove_build(&build);
    tokio::time::sleep(secs(3500)).await;
    assert_eq!(simulation.reported(&key), [Status::Running]);
    simulation.wait_settled().await;
    assert_eq!(simulation.reported(&key), [Status::Running, Status::Error]);
    assert!(simulation.flags(&key)[1].comment.starts_with("lost by the provider"));
}

#[tokio::test(start_paused = true)]
async fn unknown_start_with_stop_rule_starts_nothing() {
    let simulation = Simulation::new();
    simulation.register("demo", json!({"onUnknownStart": "stop"}));
    let first = simulation.start_worker("a");
    let (key, body) = simulation.request_message(json!({}));
    *lock(&simulation.services.poison) = Some((key.clone(), Poison::Kill));
    simulation.services.triggers.send(body);
    first.process.wait_down().await;
    *lock(&simulation.services.poison) = None;
    tokio::time::sleep(secs(300)).await;
    let second = simulation.start_worker("b");
    simulation.wait_settled().await;
    assert_eq!(second.process.count(PortCall::Start), 0);
    assert_eq!(simulation.reported(&key).last(), Some(&Status::Error));
    assert!(simulation.flags(&key).last().unwrap().comment.starts_with("unknown whether it started"));
}

#[tokio::test(start_paused = true)]
async fn older_worker_leaves_rows_of_a_newer_one_alone() {
    let simulation = Simulation::new();
    lock(&simulation.services.provider).behavior.build_limit = 100;
    let old = simulation.start_worker("old");
    let _new = simulation.start_worker_with_schema("new", 2);
    let keys: Vec<_> = (0..40).map(|_| simulation.publish(json!({}))).collect();
    tokio::time::sleep(secs(20)).await;
    old.process.kill();
    let _old_again = simulation.start_worker("old-again");
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts(), [("success", keys.len())].into());
    assert_eq!(lock(&simulation.services.provider).start_calls, 40);
}

#[tokio::test(start_paused = true)]
async fn event_for_a_newer_schema_row_stays_in_the_queue() {
    let simulation = Simulation::new();
    lock(&simulation.services.provider).behavior.build_time = secs(3600);
    let new = simulation.start_worker_with_schema("new", 2);
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(20)).await;
    new.process.kill();
    let row = simulation.row(&key);
    let _old = simulation.start_worker("old");
    simulation.services.events.send(event(&simulation.only_build(&key), "IN_PROGRESS"));
    tokio::time::sleep(secs(600)).await;
    assert_eq!(simulation.services.events.len(), 1, "left for a worker that can read the row");
    assert_eq!(simulation.row(&key), row);
    let _new = simulation.start_worker_with_schema("newer", 2);
    simulation.wait_settled().await;
    assert_eq!(simulation.reported(&key).last(), Some(&Status::Success));
}
