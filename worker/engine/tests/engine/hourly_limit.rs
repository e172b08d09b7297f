//! `maxJobsPerHour`: it holds over all workers, and a job counts once, also over crashes.

use doorbell_messages::{JobKey, Status};
use serde_json::json;

use crate::fakes::{FaultAction, FaultPoint, PortCall, lock};
use crate::harness::{Simulation, secs};

fn limited(max_jobs: u32) -> Simulation {
    let simulation = Simulation::new();
    simulation.register("demo", json!({ "maxJobsPerHour": max_jobs }));
    simulation
}

fn counted(simulation: &Simulation) -> Vec<usize> {
    lock(&simulation.services.hours).jobs.values().map(std::collections::BTreeSet::len).collect()
}

#[tokio::test(start_paused = true)]
async fn hourly_limit_holds_over_all_workers() {
    let simulation = limited(5);
    let _workers = ["a", "b", "c"].map(|name| simulation.start_worker(name));
    let keys: Vec<_> = (0..30).map(|_| simulation.publish(json!({}))).collect();
    simulation.wait_settled().await;
    let counts = simulation.status_counts();
    assert_eq!((counts["success"], counts["rejected"]), (5, 25));
    let rejected = keys.iter().find(|key| simulation.row(key).status() == Status::Rejected).unwrap();
    let trail = format!("{:?}", simulation.row(rejected).trail);
    assert!(trail.contains("at most 5 jobs an hour (maxJobsPerHour)"), "{trail}");
    let flag = simulation.flags(rejected).pop().unwrap();
    assert!(flag.comment.contains("limit of jobs per hour is reached; ask again in the next hour"), "{flag:?}");
    tokio::time::sleep(secs(3600)).await;
    let next_hour = simulation.publish(json!({}));
    simulation.wait_settled().await;
    assert_eq!(simulation.row(&next_hour).status(), Status::Success);
}

#[tokio::test(start_paused = true)]
async fn project_without_a_limit_writes_no_count() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    simulation.publish(json!({}));
    simulation.wait_settled().await;
    assert_eq!(counted(&simulation), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn repeated_and_redelivered_requests_count_once() {
    let simulation = limited(2);
    let _workers = ["a", "b"].map(|name| simulation.start_worker(name));
    let (first, body) = simulation.request_message(json!({ "id": "one" }));
    (0..4).for_each(|_| simulation.services.triggers.send(body.clone()));
    (0..4).for_each(|_| drop(simulation.publish(json!({ "id": "one" }))));
    tokio::time::sleep(secs(30)).await;
    let second = simulation.publish(json!({ "id": "two" }));
    simulation.wait_settled().await;
    assert_eq!(counted(&simulation), [2]);
    assert!([first, second].iter().all(|key| simulation.row(key).status() == Status::Success));
}

/// Kills a worker at each call around the count. Another one, in the next hour, neither loses a job nor counts it anew.
#[tokio::test(start_paused = true)]
async fn crash_at_any_write_counts_each_job_once() {
    let calls = [PortCall::Insert, PortCall::CountJob, PortCall::Update, PortCall::Start];
    for (call, moment) in calls.iter().flat_map(|call| [(*call, FaultPoint::Before), (*call, FaultPoint::After)]) {
        for nth in 1..=2 {
            let simulation = limited(3);
            let first = simulation.start_worker("a");
            first.process.inject_nth(nth, call, moment, FaultAction::Kill);
            let keys: Vec<_> = (0..3).map(|_| simulation.publish(json!({}))).collect();
            tokio::time::sleep(secs(3700)).await;
            let _second = simulation.start_worker("b");
            simulation.wait_settled().await;
            check_all_counted_once(&simulation, &keys, &format!("{call:?} {moment:?} {nth}"));
        }
    }
}

/// A reply that is lost leaves open whether the job is counted; the next call finds out.
#[tokio::test(start_paused = true)]
async fn failed_calls_count_each_job_once() {
    for call in [PortCall::CountJob, PortCall::Update] {
        for moment in [FaultPoint::Before, FaultPoint::After] {
            let simulation = limited(3);
            let worker = simulation.start_worker("a");
            worker.process.inject_nth(1, call, moment, FaultAction::Fail);
            let keys: Vec<_> = (0..3).map(|_| simulation.publish(json!({}))).collect();
            simulation.wait_settled().await;
            check_all_counted_once(&simulation, &keys, &format!("{call:?} {moment:?}"));
        }
    }
}

#[track_caller]
fn check_all_counted_once(simulation: &Simulation, keys: &[JobKey], fault: &str) {
    let statuses: Vec<_> = keys.iter().map(|key| simulation.row(key).status()).collect();
    assert_eq!(statuses, [Status::Success; 3], "{fault}");
    let counts = counted(simulation);
    // A message that was not received before the crash is received, and counted, in the next hour.
    assert_eq!(counts.iter().sum::<usize>(), 3, "{fault}: {counts:?}");
}

#[tokio::test(start_paused = true)]
async fn denied_start_is_not_counted_again() {
    let simulation = limited(1);
    lock(&simulation.services.provider).behavior.is_denied = true;
    let _worker = simulation.start_worker("a");
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(2 * 3600)).await;
    lock(&simulation.services.provider).behavior.is_denied = false;
    simulation.wait_settled().await;
    assert_eq!((simulation.row(&key).status(), counted(&simulation)), (Status::Success, vec![1]));
}
