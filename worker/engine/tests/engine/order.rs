//! Jobs of one ref in an order, judged by when their commands ran.

use doorbell_engine::domain::{Phase, TurnWait};
use doorbell_messages::{JobKey, Status};
use serde_json::{Value, json};

use crate::fakes::{FaultAction, FaultPoint, PortCall, commit_id, lock};
use crate::harness::{Simulation, secs};
use crate::order_oracle::{check_order, commits_run, intervals};

fn ordered(order: &str) -> Simulation {
    let simulation = Simulation::new();
    simulation.register("demo", json!({"order": order, "allowOlder": true}));
    simulation
}

fn publish(simulation: &Simulation, place: u64, more: Value) -> JobKey {
    let mut request = json!({"commit": commit_id(place)});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    simulation.publish(request)
}

fn statuses(simulation: &Simulation, keys: &[JobKey]) -> Vec<Status> {
    keys.iter().map(|key| simulation.row(key).status()).collect()
}

fn message(simulation: &Simulation, key: &JobKey) -> String {
    match simulation.row(key).phase {
        Phase::Finished { result, .. } => result.message,
        phase => panic!("not finished: {phase:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn serial_jobs_run_one_after_the_other_as_published() {
    let simulation = ordered("serial");
    let _workers = [simulation.start_worker("a"), simulation.start_worker("b")];
    let mut keys = Vec::new();
    for place in [3, 1, 2] {
        keys.push(publish(&simulation, place, json!({})));
        tokio::time::sleep(secs(2)).await;
    }
    simulation.wait_settled().await;
    assert_eq!(statuses(&simulation, &keys), [Status::Success; 3]);
    assert_eq!(commits_run(&simulation), [3, 1, 2].map(commit_id));
    check_order(&simulation, "demo", "serial");
}

#[tokio::test(start_paused = true)]
async fn other_refs_and_projects_are_not_held_up() {
    let simulation = ordered("serial");
    simulation.register("other", json!({"order": "serial"}));
    let _worker = simulation.start_worker("a");
    publish(&simulation, 1, json!({}));
    publish(&simulation, 1, json!({"branch": "side"}));
    publish(&simulation, 1, json!({"project": "other"}));
    tokio::time::sleep(secs(10)).await;
    assert_eq!(intervals(&simulation, |_| true).len(), 3);
    simulation.wait_settled().await;
}

#[tokio::test(start_paused = true)]
async fn newest_builds_the_latest_and_supersedes_the_jobs_between() {
    let simulation = ordered("newest");
    let _workers = [simulation.start_worker("a"), simulation.start_worker("b")];
    let mut keys = Vec::new();
    for place in [1, 2, 3, 4] {
        keys.push(publish(&simulation, place, json!({"id": format!("j{place}")})));
        tokio::time::sleep(secs(2)).await;
    }
    tokio::time::sleep(secs(10)).await;
    let reports = simulation.flags(&keys[1]);
    assert_eq!(reports.last().unwrap().comment, format!("waits for {} on the same ref", keys[0]));
    simulation.wait_settled().await;
    assert_eq!(statuses(&simulation, &keys), [Status::Success, Status::Canceled, Status::Canceled, Status::Success]);
    assert_eq!(message(&simulation, &keys[1]), format!("superseded by {}", keys[3]));
    assert_eq!(commits_run(&simulation), [1, 4].map(commit_id));
    assert_eq!(lock(&simulation.services.provider).start_calls, 2, "a superseded job starts no build");
    check_order(&simulation, "demo", "newest");
}

#[tokio::test(start_paused = true)]
async fn older_commit_published_later_steps_aside() {
    // While the newer one runs, and after it.
    for pause in [5, 300] {
        let simulation = ordered("newest");
        let _worker = simulation.start_worker("a");
        let newer = publish(&simulation, 2, json!({}));
        tokio::time::sleep(secs(pause)).await;
        let older = publish(&simulation, 1, json!({}));
        simulation.wait_settled().await;
        assert_eq!(statuses(&simulation, &[newer, older.clone()]), [Status::Success, Status::Canceled]);
        assert_eq!(message(&simulation, &older), format!("older than commit {} of the same ref", commit_id(2)));
        assert_eq!(commits_run(&simulation), [commit_id(2)]);
    }
}

/// The older one was published later, so it comes first; then the newer one must not be lost.
#[tokio::test(start_paused = true)]
async fn newer_commit_that_waits_behind_an_older_one_is_built() {
    let simulation = ordered("newest");
    let _worker = simulation.start_worker("a");
    let first = publish(&simulation, 1, json!({}));
    tokio::time::sleep(secs(2)).await;
    let newer = publish(&simulation, 3, json!({}));
    let older = publish(&simulation, 2, json!({}));
    simulation.wait_settled().await;
    assert_eq!(statuses(&simulation, &[first, newer, older]), [Status::Success, Status::Success, Status::Canceled]);
    assert_eq!(commits_run(&simulation), [1, 3].map(commit_id));
}

#[tokio::test(start_paused = true)]
async fn allowed_rollback_builds_the_older_commit() {
    let simulation = ordered("newest");
    let _worker = simulation.start_worker("a");
    publish(&simulation, 2, json!({}));
    tokio::time::sleep(secs(300)).await;
    let rollback = publish(&simulation, 1, json!({"allowOlder": true}));
    simulation.wait_settled().await;
    assert_eq!(simulation.row(&rollback).status(), Status::Success);
    assert_eq!(commits_run(&simulation), [2, 1].map(commit_id));
}

#[tokio::test(start_paused = true)]
async fn canceled_jobs_hold_up_nobody() {
    let simulation = ordered("serial");
    let _worker = simulation.start_worker("a");
    let keys: Vec<JobKey> =
        (1..=3).map(|place| publish(&simulation, place, json!({"id": format!("j{place}")}))).collect();
    tokio::time::sleep(secs(5)).await;
    for place in [2, 1] {
        publish(&simulation, place, json!({"id": format!("j{place}"), "action": "cancel"}));
    }
    simulation.wait_settled().await;
    assert_eq!(statuses(&simulation, &keys), [Status::Canceled, Status::Canceled, Status::Success]);
}

/// The hint is lost with the worker that ended the job before: the next one's due time does the same.
#[tokio::test(start_paused = true)]
async fn lost_release_delays_the_next_job_until_its_due_time() {
    let simulation = ordered("serial");
    let first = simulation.start_worker("a");
    publish(&simulation, 1, json!({}));
    tokio::time::sleep(secs(3)).await;
    publish(&simulation, 2, json!({}));
    tokio::time::sleep(secs(5)).await;
    let _second = simulation.start_worker("b");
    first.process.inject_next(PortCall::LoadOrder, FaultPoint::Before, FaultAction::Kill);
    simulation.wait_settled().await;
    check_order(&simulation, "demo", "serial");
    let times = intervals(&simulation, |_| true);
    let gap = times[1].from.duration_since(times[0].to);
    assert!(gap <= secs(15 + 10), "the second starts {gap:?} after the first");
}

#[tokio::test(start_paused = true)]
async fn end_of_a_job_wakes_the_next_at_once() {
    let simulation = ordered("serial");
    let _worker = simulation.start_worker("a");
    for place in 1..=6 {
        publish(&simulation, place, json!({}));
    }
    simulation.wait_settled().await;
    let times = intervals(&simulation, |_| true);
    for pair in times.windows(2) {
        let gap = pair[1].from.duration_since(pair[0].to);
        assert!(gap < secs(2), "{gap:?} between two jobs: {times:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn quarantined_job_that_has_not_started_is_passed_over() {
    let simulation = ordered("serial");
    simulation.register("demo", json!({"order": "serial", "reportTo": null}));
    let _worker = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.is_denied = true;
    let stuck = publish(&simulation, 1, json!({}));
    tokio::time::sleep(secs(5)).await;
    lock(&simulation.services.ledger).quarantine(&stuck);
    lock(&simulation.services.provider).behavior.is_denied = false;
    let next = publish(&simulation, 2, json!({}));
    simulation.wait_settled().await;
    assert_eq!(simulation.row(&next).status(), Status::Success);
}

#[tokio::test(start_paused = true)]
async fn hundred_jobs_wait_and_the_next_says_that_there_are_too_many() {
    let simulation = ordered("serial");
    simulation.register("demo", json!({"order": "serial", "reportTo": null}));
    let _worker = simulation.start_worker("a");
    let keys: Vec<JobKey> = (0..102).map(|place| publish(&simulation, place, json!({}))).collect();
    tokio::time::sleep(secs(20)).await;
    let is_full =
        |key: &&JobKey| matches!(simulation.row(key).phase, Phase::Accepted { turn: Some(TurnWait::Full), .. });
    assert_eq!(keys.iter().filter(is_full).count(), 1);
    simulation.wait_settled().await;
    assert_eq!(intervals(&simulation, |_| true).len(), 102);
    check_order(&simulation, "demo", "parallel");
}

/// Kills a worker at each call between two writes; another one finishes, in order.
#[tokio::test(start_paused = true)]
async fn crash_at_any_write_keeps_the_order() {
    let calls = [PortCall::LoadOrder, PortCall::WriteOrder, PortCall::Update, PortCall::Start];
    for order in ["serial", "newest"] {
        for (call, moment) in calls.iter().flat_map(|call| [(*call, FaultPoint::Before), (*call, FaultPoint::After)]) {
            for nth in 1..=4 {
                let simulation = ordered(order);
                let first = simulation.start_worker("a");
                first.process.inject_nth(nth, call, moment, FaultAction::Kill);
                for place in [2, 3, 1] {
                    publish(&simulation, place, json!({}));
                    tokio::time::sleep(secs(1)).await;
                }
                tokio::time::sleep(secs(15)).await;
                let _second = simulation.start_worker("b");
                simulation.wait_settled().await;
                check_order(&simulation, "demo", order);
                assert!(commits_run(&simulation).contains(&commit_id(3)), "{order} {call:?} {moment:?} {nth}");
            }
        }
    }
}
