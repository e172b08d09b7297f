//! Done events: one for each job that ends, at least once and with the same bytes, also after kills and refusals.

use doorbell_engine::domain::Row;
use doorbell_messages::{JobKey, Status};
use serde_json::{Value, json};

use crate::fakes::{FaultAction, FaultPoint, ForgeBehavior, PortCall, lock};
use crate::harness::{COMMIT, RunningWorker, Simulation, installation, secs};

fn simulation() -> Simulation {
    let mut simulation = Simulation::new();
    simulation.publishes_done_events = true;
    lock(&simulation.services.provider).behavior.build_time = secs(5);
    simulation
}

fn worker(simulation: &Simulation, name: &str) -> RunningWorker {
    simulation.start_worker_with_schema(name, Row::MAX_SCHEMA)
}

/// The events of a job, as its subscriber got them.
fn events(simulation: &Simulation, key: &JobKey) -> Vec<Value> {
    let received = lock(&simulation.services.topic).received.clone();
    let deliveries = received.get(&installation().done_event_id(key)).cloned().unwrap_or_default();
    deliveries.iter().map(|(_, json)| serde_json::from_str(json).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn subscribers_get_one_event_of_each_job() {
    let simulation = simulation();
    let _worker = worker(&simulation, "a");
    let key = simulation.publish(json!({}));
    simulation.wait_settled().await;
    let [event] = &events(&simulation, &key)[..] else { panic!("one event") };
    assert_eq!(event["subject"]["content"], json!({"pipelineName": "demo", "outcome": "success"}));
    let custom = &event["customData"];
    assert_eq!((&custom["commit"], &custom["ref"]), (&json!(COMMIT), &json!("heads/main")));
    assert_eq!(custom["run"], json!(simulation.only_build(&key).to_string()));
    assert_eq!(event["context"]["timestamp"], custom["times"]["endedAt"]);
    assert!(simulation.row(&key).schema() == 1, "nothing is owed any more");
}

#[tokio::test(start_paused = true)]
async fn only_announced_jobs_have_events() {
    let simulation = simulation();
    for rule in ["none", "finished", "all"] {
        simulation.register(rule, json!({"announce": rule, "refs": ["heads/main"]}));
    }
    let _worker = worker(&simulation, "a");
    for (project, branch, expected) in [
        ("none", "main", 0),
        ("finished", "main", 1),
        ("all", "main", 1),
        ("none", "other", 0),
        ("finished", "other", 0),
        ("all", "other", 1),
        ("nowhere", "main", 0),
    ] {
        let key = simulation.publish(json!({"project": project, "branch": branch}));
        simulation.wait_settled().await;
        assert_eq!(events(&simulation, &key).len(), expected, "{project} {branch}");
    }
}

#[tokio::test(start_paused = true)]
async fn installation_without_a_topic_publishes_nothing() {
    let mut simulation = simulation();
    simulation.publishes_done_events = false;
    let _worker = worker(&simulation, "a");
    let key = simulation.publish(json!({}));
    simulation.wait_settled().await;
    assert!(simulation.row(&key).done_event.is_none() && lock(&simulation.services.topic).received.is_empty());
}

#[tokio::test(start_paused = true)]
async fn cancel_is_announced_with_the_job_and_not_by_itself() {
    let simulation = simulation();
    simulation.register("demo", json!({"allowCancel": true}));
    lock(&simulation.services.provider).behavior.build_time = secs(600);
    let _worker = worker(&simulation, "a");
    let key = simulation.publish(json!({"id": "1"}));
    tokio::time::sleep(secs(30)).await;
    let cancel = simulation.publish(json!({"id": "1", "action": "cancel"}));
    simulation.wait_settled().await;
    assert_eq!(events(&simulation, &key)[0]["subject"]["content"]["outcome"], json!("cancel"));
    assert!(events(&simulation, &cancel).is_empty());
    // Not even where rejections are announced.
    simulation.register("all", json!({"announce": "all", "allowCancel": false}));
    let rejected = simulation.publish(json!({"project": "all", "id": "1", "action": "cancel"}));
    simulation.wait_settled().await;
    assert_eq!(simulation.row(&rejected).status(), Status::Rejected);
    assert!(events(&simulation, &rejected).is_empty());
}

#[tokio::test(start_paused = true)]
async fn killed_publisher_is_followed_by_the_same_bytes() {
    for point in [FaultPoint::Before, FaultPoint::After] {
        let simulation = simulation();
        let first = worker(&simulation, "a");
        first.process.inject_next(PortCall::PublishDoneEvent, point, FaultAction::Kill);
        let key = simulation.publish(json!({}));
        first.process.wait_down().await;
        let _second = worker(&simulation, "b");
        simulation.wait_settled().await;
        let events = events(&simulation, &key);
        assert_eq!(events.len(), if point == FaultPoint::Before { 1 } else { 2 }, "{point:?}");
        assert!(events.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

#[tokio::test(start_paused = true)]
async fn topic_that_refuses_holds_up_no_report() {
    let simulation = simulation();
    lock(&simulation.services.topic).is_gone = true;
    let _worker = worker(&simulation, "a");
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(30)).await;
    assert_eq!(simulation.reported(&key).last(), Some(&Status::Success));
    let row = simulation.row(&key);
    assert!(row.settled_at.is_none() && row.due_at().is_some(), "the event is still owed: {row:#?}");
    lock(&simulation.services.topic).is_gone = false;
    simulation.wait_settled().await;
    assert_eq!(events(&simulation, &key).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn topic_that_is_gone_for_a_day_is_given_up_loudly() {
    let simulation = simulation();
    lock(&simulation.services.topic).is_gone = true;
    let _worker = worker(&simulation, "a");
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(26 * 3600)).await;
    let row = simulation.row(&key);
    let given_up = row.done_event.as_ref().and_then(|state| state.given_up.clone());
    assert_eq!(given_up.as_deref(), Some("the topic does not exist"));
    assert!(row.settled_at.is_some() && row.trail.iter().any(|entry| entry.message.contains("given up after 24 h")));
}

#[tokio::test(start_paused = true)]
async fn forge_that_is_down_holds_up_no_done_event() {
    for behavior in [ForgeBehavior::Down, ForgeBehavior::Hanging] {
        let simulation = simulation();
        lock(&simulation.services.forge).behaviors.insert("https://pagure.example.org".to_owned(), behavior);
        let _worker = worker(&simulation, "a");
        let key = simulation.publish(json!({}));
        tokio::time::sleep(secs(20)).await;
        assert_eq!(events(&simulation, &key).len(), 1, "{behavior:?}");
        assert!(simulation.reported(&key).is_empty() && simulation.row(&key).settled_at.is_none());
        lock(&simulation.services.forge).behaviors.clear();
        simulation.wait_settled().await;
    }
}

#[tokio::test(start_paused = true)]
async fn older_worker_leaves_a_row_whose_event_is_owed() {
    let simulation = simulation();
    lock(&simulation.services.topic).is_gone = true;
    let new = worker(&simulation, "new");
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(20)).await;
    new.process.kill();
    lock(&simulation.services.topic).is_gone = false;
    let old = simulation.start_worker_with_schema("old", 2);
    tokio::time::sleep(secs(600)).await;
    assert!(simulation.row(&key).done_event.is_some_and(|state| state.is_owed()), "it would forget the event");
    old.process.kill();
    let _newer = worker(&simulation, "newer");
    simulation.wait_settled().await;
    assert_eq!(events(&simulation, &key).len(), 1);
}
