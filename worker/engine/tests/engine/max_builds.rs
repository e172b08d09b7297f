//! The installation's limit of builds: it holds over all workers, and no slot is lost, also over crashes.

use doorbell_messages::{JobKey, Status};
use serde_json::json;

use crate::fakes::{FaultAction, FaultPoint, PortCall, lock};
use crate::harness::{Simulation, secs};

fn limited(max_builds: u32) -> Simulation {
    let mut simulation = Simulation::new();
    simulation.max_builds = Some(max_builds);
    simulation
}

fn peak(simulation: &Simulation) -> usize {
    lock(&simulation.services.provider).peak_running
}

#[track_caller]
fn check_all_built(simulation: &Simulation, keys: &[JobKey], fault: &str) {
    for key in keys {
        assert_eq!(simulation.row(key).status(), Status::Success, "{fault}: {key}");
    }
}

#[tokio::test(start_paused = true)]
async fn installation_limit_holds_over_all_workers() {
    let simulation = limited(3);
    simulation.register("other", json!({ "buildProject": "other-builds" }));
    let _workers = ["a", "b", "c"].map(|name| simulation.start_worker(name));
    let projects = ["demo", "other"].into_iter().cycle().take(24);
    let keys: Vec<_> = projects.map(|project| simulation.publish(json!({ "project": project }))).collect();
    simulation.wait_settled().await;
    check_all_built(&simulation, &keys, "three workers");
    assert_eq!(peak(&simulation), 3);
    assert!(lock(&simulation.services.slots).holders.is_empty());
    let queued = keys.iter().filter(|key| format!("{:?}", simulation.row(key).trail).contains("max-builds")).count();
    assert!(queued > 0, "the trail says what a job waited for");
}

#[tokio::test(start_paused = true)]
async fn installation_without_a_limit_takes_no_slot() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    simulation.publish(json!({}));
    simulation.wait_settled().await;
    assert_eq!(lock(&simulation.services.slots).most, 0);
}

/// With one slot a lost one stops everything, and one that is given back too early shows as a second build.
#[tokio::test(start_paused = true)]
async fn crash_at_any_call_neither_loses_nor_doubles_a_slot() {
    let calls = [PortCall::TakeSlot, PortCall::Start, PortCall::Update, PortCall::ReleaseSlot, PortCall::ReadSlots];
    for (call, moment) in calls.iter().flat_map(|call| [(*call, FaultPoint::Before), (*call, FaultPoint::After)]) {
        for (action, nth) in [(FaultAction::Kill, 1), (FaultAction::Kill, 2), (FaultAction::Fail, 1)] {
            let simulation = limited(1);
            let first = simulation.start_worker("a");
            first.process.inject_nth(nth, call, moment, action);
            let keys: Vec<_> = (0..3).map(|_| simulation.publish(json!({}))).collect();
            tokio::time::sleep(secs(20)).await;
            let _second = simulation.start_worker("b");
            simulation.wait_settled().await;
            let fault = format!("{call:?} {moment:?} {action:?} {nth}");
            check_all_built(&simulation, &keys, &fault);
            assert_eq!(peak(&simulation), 1, "{fault}");
        }
    }
}

/// Slots of jobs that ended while no worker had the limit.
#[tokio::test(start_paused = true)]
async fn slot_of_a_job_that_is_over_is_found() {
    let mut simulation = limited(1);
    let first = simulation.start_worker("a");
    let held = simulation.publish(json!({}));
    tokio::time::sleep(secs(5)).await;
    first.process.kill();
    simulation.max_builds = None;
    let second = simulation.start_worker("b");
    simulation.wait_settled().await;
    assert!(lock(&simulation.services.slots).holders.contains(&held), "no worker gave it back");
    second.process.kill();
    simulation.max_builds = Some(1);
    let _third = simulation.start_worker("c");
    let next = simulation.publish(json!({}));
    simulation.wait_settled().await;
    check_all_built(&simulation, &[held, next], "limit off and on");
}

#[tokio::test(start_paused = true)]
async fn refused_start_gives_its_slot_back() {
    let simulation = limited(1);
    lock(&simulation.services.provider).behavior.is_denied = true;
    let _worker = simulation.start_worker("a");
    let denied = simulation.publish(json!({}));
    tokio::time::sleep(secs(30)).await;
    assert!(lock(&simulation.services.slots).holders.is_empty());
    lock(&simulation.services.provider).behavior.is_denied = false;
    let next = simulation.publish(json!({}));
    simulation.wait_settled().await;
    check_all_built(&simulation, &[denied, next], "denied once");
}

#[tokio::test(start_paused = true)]
async fn canceled_build_gives_its_slot_back() {
    let simulation = limited(1);
    simulation.register("demo", json!({ "allowCancel": true }));
    lock(&simulation.services.provider).behavior.build_time = secs(600);
    let _worker = simulation.start_worker("a");
    let canceled = simulation.publish(json!({ "id": "first" }));
    tokio::time::sleep(secs(10)).await;
    let next = simulation.publish(json!({ "id": "next" }));
    simulation.publish(json!({ "id": "first", "action": "cancel" }));
    simulation.wait_settled().await;
    assert_eq!(simulation.row(&canceled).status(), Status::Canceled);
    assert_eq!(simulation.row(&next).status(), Status::Success);
    assert_eq!(peak(&simulation), 1);
}
