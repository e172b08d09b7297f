//! Services that are down for a while: no job is lost, and no service gets a flood of calls.

use std::sync::atomic::Ordering;
use std::time::Duration;

use doorbell_messages::Status;
use serde_json::json;
use tokio::time::Instant;

use crate::fakes::{FaultAction, FaultPoint, PortCall, lock};
use crate::harness::{Simulation, secs};

#[tokio::test(start_paused = true)]
async fn ledger_outage_of_a_minute_only_delays_jobs() {
    for since in [0, 1, 10, 29, 31] {
        let simulation = Simulation::new();
        let worker = simulation.start_worker("a");
        let key = simulation.publish(json!({}));
        tokio::time::sleep(secs(since)).await;
        worker.process.fail_for(&PortCall::LEDGER, secs(60));
        simulation.publish(json!({}));
        simulation.wait_settled().await;
        assert_eq!(simulation.status_counts(), [("success", 2)].into());
        simulation.only_build(&key);
    }
}

#[tokio::test(start_paused = true)]
async fn registry_outage_of_an_hour_causes_few_reads() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    worker.process.fail_for(&[PortCall::ReadProject], secs(3600));
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(3600)).await;
    let reads = worker.process.count(PortCall::ReadProject);
    assert!((5..40).contains(&reads), "{reads} reads in an hour");
    assert_eq!(simulation.row(&key).status(), Status::Queued);
    simulation.wait_settled().await;
    assert_eq!(simulation.row(&key).status(), Status::Success);
}

#[tokio::test(start_paused = true)]
async fn project_is_unknown_only_after_two_reads() {
    for (misses, expected) in [(1, Status::Success), (2, Status::Rejected)] {
        let simulation = Simulation::new();
        let _worker = simulation.start_worker("a");
        lock(&simulation.services.registry).missed_reads = misses;
        lock(&simulation.services.registry).is_list_empty = true;
        let key = simulation.publish(json!({}));
        simulation.wait_settled().await;
        assert_eq!(simulation.row(&key).status(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn flood_of_an_unknown_project_costs_few_reads() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    lock(&simulation.services.registry).projects.clear();
    for _ in 0..100 {
        simulation.publish(json!({}));
    }
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts(), [("rejected", 100)].into());
    assert!(worker.process.count(PortCall::ReadProject) <= 4, "{}", worker.process.count(PortCall::ReadProject));
}

#[tokio::test(start_paused = true)]
async fn rotated_token_is_read_again_once() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(10)).await;
    lock(&simulation.services.forge).tokens = ["token-2".to_owned()].into();
    lock(&simulation.services.registry).secrets.insert("forge/demo".to_owned(), "token-2".to_owned());
    simulation.wait_settled().await;
    assert_eq!(simulation.reported(&key), [Status::Running, Status::Success]);
    assert_eq!(worker.process.count(PortCall::ReadSecret), 2);
    assert_eq!(lock(&simulation.services.forge).unauthorized, 1);
}

#[tokio::test(start_paused = true)]
async fn invalid_token_is_retried_slowly_until_fixed() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    lock(&simulation.services.forge).tokens.clear();
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(3600)).await;
    assert!(worker.process.count(PortCall::ReportStatus) < 40, "{}", worker.process.count(PortCall::ReportStatus));
    lock(&simulation.services.forge).tokens = ["token-1".to_owned()].into();
    simulation.wait_settled().await;
    assert_eq!(simulation.reported(&key), [Status::Success]);
}

#[tokio::test(start_paused = true)]
async fn forge_outage_of_an_hour_skips_outdated_statuses() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    worker.process.fail_for(&[PortCall::ReportStatus], secs(3600));
    let key = simulation.publish(json!({}));
    simulation.wait_settled().await;
    assert_eq!(simulation.reported(&key), [Status::Success]);
    assert!(worker.process.count(PortCall::ReportStatus) < 30, "{}", worker.process.count(PortCall::ReportStatus));
}

#[tokio::test(start_paused = true)]
async fn startbuild_outage_of_an_hour_yields_one_build() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    worker.process.fail_for(&[PortCall::Start], secs(3600));
    let key = simulation.publish(json!({}));
    simulation.wait_settled().await;
    simulation.only_build(&key);
    assert_eq!(simulation.row(&key).status(), Status::Success);
}

#[tokio::test(start_paused = true)]
async fn unknown_time_stops_decisions_without_losing_jobs() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    simulation.services.is_time_known.store(false, Ordering::Relaxed);
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(100)).await;
    assert_eq!((simulation.rows().len(), simulation.services.triggers.len()), (0, 1));
    assert_eq!(worker.process.count(PortCall::Due), 0, "nothing is due at no time");
    simulation.services.is_time_known.store(true, Ordering::Relaxed);
    simulation.wait_settled().await;
    assert_eq!(simulation.row(&key).status(), Status::Success);
}

#[tokio::test(start_paused = true)]
async fn slow_forge_does_not_delay_other_builds() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    worker.process.inject_next(PortCall::ReportStatus, FaultPoint::Before, FaultAction::Delay(secs(25)));
    simulation.publish(json!({}));
    tokio::time::sleep(secs(2)).await;
    let second = simulation.publish(json!({}));
    tokio::time::sleep(secs(2)).await;
    simulation.only_build(&second);
    simulation.wait_settled().await;
}

/// Registered names beside those of the tests.
fn register_many(simulation: &Simulation, count: usize) {
    (0..count).for_each(|number| simulation.register(&format!("registered-{number:04}"), json!({})));
}

fn registry_calls(worker: &crate::harness::RunningWorker) -> usize {
    let count = |call| worker.process.count(call) as usize;
    count(PortCall::ReadProject) + count(PortCall::ListProjects)
}

#[tokio::test(start_paused = true)]
async fn flood_of_unknown_names_does_not_delay_registered_ones() {
    const SECONDS: usize = 20;
    let simulation = Simulation::new();
    lock(&simulation.services.provider).behavior.build_limit = 1000;
    register_many(&simulation, 300);
    let _first = simulation.start_worker("a");
    tokio::time::sleep(secs(60)).await;
    _first.process.kill();
    // It starts in the middle of the flood, and has seen no name itself.
    let worker = simulation.start_worker("b");
    // From the last name backwards: the worker's own pass has not come that far.
    let last = 299;
    for second in 0..SECONDS {
        for number in 0..300 {
            simulation.publish(json!({"project": format!("unknown-{second}-{number}")}));
        }
        let key = simulation.publish(json!({"project": format!("registered-{:04}", last - second * 7)}));
        tokio::time::sleep(secs(1)).await;
        assert_eq!(simulation.own_builds(&key).len(), 1, "second {second}: not started within 1 s");
    }
    let calls = registry_calls(&worker);
    assert!(
        calls <= SECONDS * 2 + SECONDS + 5,
        "{calls} calls in {SECONDS} s, one of them a second for a registered one"
    );
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts()["rejected"], SECONDS * 300);
}

/// The time until a registered project's request has a build, while unknown names arrive.
async fn start_delay(simulation: &Simulation, second: usize) -> Duration {
    const STEP: Duration = Duration::from_millis(10);
    let began = Instant::now();
    let key = simulation.publish(json!({"project": format!("registered-{:04}", 999 - second)}));
    let mut delay = None;
    for number in 0.. {
        if delay.is_none() && !simulation.own_builds(&key).is_empty() {
            delay = Some(began.elapsed());
        }
        if let Some(delay) = delay.filter(|_| began.elapsed() >= secs(1)) {
            return delay;
        }
        simulation.publish(json!({"project": format!("unknown-{second}-{number}")}));
        tokio::time::sleep(STEP).await;
    }
    unreachable!("the range has no end")
}

#[tokio::test(start_paused = true)]
async fn throttled_fleet_slows_down_for_registered_projects() {
    const WORKERS: usize = 32;
    const SECONDS_TO_SLOW_DOWN: usize = 10;
    let simulation = Simulation::new();
    lock(&simulation.services.provider).behavior.build_limit = 1000;
    register_many(&simulation, 1000);
    let _first = simulation.start_worker("first");
    tokio::time::sleep(secs(130)).await;
    let names: Vec<String> = (1..WORKERS).map(|number| format!("worker-{number}")).collect();
    let mut others = Vec::new();
    for name in &names {
        others.push(simulation.start_worker(name));
        tokio::time::sleep(Duration::from_millis(137)).await;
    }
    // A third of what the fleet asks for while nothing is throttled.
    lock(&simulation.services.registry).calls_per_second = 2 * WORKERS / 3;
    let mut delays = Vec::new();
    for second in 0..30 {
        delays.push(start_delay(&simulation, second).await);
    }
    let is_prompt = delays[SECONDS_TO_SLOW_DOWN..].iter().all(|delay| *delay <= secs(1));
    assert!(is_prompt && delays.iter().all(|delay| *delay < secs(10)), "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn newly_registered_project_need_not_wait_for_a_pass() {
    let simulation = Simulation::new();
    register_many(&simulation, 300);
    let _worker = simulation.start_worker("a");
    tokio::time::sleep(secs(60)).await;
    simulation.register("zebra", json!({}));
    let key = simulation.publish(json!({"project": "zebra"}));
    tokio::time::sleep(secs(2)).await;
    assert_eq!(simulation.own_builds(&key).len(), 1, "{:#?}", simulation.row(&key));
}

#[tokio::test(start_paused = true)]
async fn project_that_was_removed_is_rejected_after_two_reads() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    tokio::time::sleep(secs(60)).await;
    lock(&simulation.services.registry).projects.clear();
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(5)).await;
    assert_eq!(simulation.row(&key).status(), Status::Rejected);
}
