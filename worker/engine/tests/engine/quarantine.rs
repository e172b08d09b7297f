//! Jobs and messages that panic or crash their workers.

use doorbell_messages::{JobKey, Status};
use serde_json::json;

use crate::fakes::{FaultAction, FaultPoint, Poison, PortCall, lock};
use crate::harness::{Simulation, secs};

#[tokio::test(start_paused = true)]
async fn panicking_job_is_quarantined_after_three_panics() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    let (bad, body) = simulation.request_message(json!({}));
    *lock(&simulation.services.poison) = Some((bad.clone(), Poison::Panic));
    simulation.services.triggers.send(body);
    let good: Vec<_> = (0..20).map(|_| simulation.publish(json!({}))).collect();
    simulation.wait_settled().await;
    let row = simulation.row(&bad);
    assert_eq!(
        row.quarantined.as_deref(),
        Some("put aside: handling it was begun again and again, and never came to its end")
    );
    assert!(good.iter().all(|key| simulation.row(key).status() == Status::Success));
    assert!(!worker.task.is_finished(), "the worker still runs");
    simulation.services.events.send(crate::fakes::event(&simulation.only_build(&good[0]), "SUCCEEDED"));
    tokio::time::sleep(secs(100)).await;
    assert_eq!(simulation.row(&bad), row, "no worker writes it any more");
}

#[tokio::test(start_paused = true)]
async fn job_that_kills_its_workers_is_quarantined() {
    let simulation = Simulation::new();
    let mut worker = simulation.start_worker("w");
    let (bad, body) = simulation.request_message(json!({}));
    *lock(&simulation.services.poison) = Some((bad.clone(), Poison::Kill));
    simulation.services.triggers.send(body);
    for _ in 0..20 {
        simulation.publish(json!({}));
    }
    let mut deaths = 0;
    while simulation.rows().is_empty() || !lock(&simulation.services.ledger).all_finished() {
        tokio::time::sleep(secs(5)).await;
        if worker.process.is_killed() {
            deaths += 1;
            assert!(deaths < 40, "it is never quarantined");
            worker = simulation.start_worker(&format!("w{deaths}"));
        }
    }
    simulation.wait_settled().await;
    println!("{deaths} workers crashed");
    assert!(simulation.row(&bad).quarantined.is_some());
    let good = simulation.rows().into_iter().filter(|row| row.key != bad);
    assert!(good.map(|row| row.status()).all(|status| status == Status::Success));
}

#[tokio::test(start_paused = true)]
async fn overdue_rows_are_handled_without_a_crash_score() {
    let simulation = Simulation::new();
    let first = simulation.start_worker("a");
    let keys: Vec<_> = (0..10).map(|_| simulation.publish(json!({}))).collect();
    tokio::time::sleep(secs(5)).await;
    first.process.kill();
    tokio::time::sleep(secs(3600)).await;
    let _second = simulation.start_worker("b");
    simulation.wait_settled().await;
    for key in keys {
        assert_eq!((simulation.row(&key).status(), simulation.row(&key).crash_score), (Status::Success, 0));
    }
}

/// A row that is overdue because its worker crashed early.
async fn overdue_row() -> (Simulation, JobKey) {
    let simulation = Simulation::new();
    // Without events only the sweep can process the row.
    lock(&simulation.services.provider).behavior.event_copies = 0;
    let first = simulation.start_worker("a");
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(2)).await;
    first.process.kill();
    tokio::time::sleep(secs(3600)).await;
    assert!(simulation.row(&key).settled_at.is_none());
    (simulation, key)
}

#[tokio::test(start_paused = true)]
async fn possible_poison_is_handled_despite_lost_replies() {
    for lost in [
        &[(1, PortCall::Update, FaultPoint::After)][..],
        &[(2, PortCall::Update, FaultPoint::Before), (2, PortCall::Load, FaultPoint::Before)],
    ] {
        let (simulation, key) = overdue_row().await;
        let second = simulation.start_worker("b");
        for (nth, call, moment) in lost {
            second.process.inject_nth(*nth, *call, *moment, FaultAction::Fail);
        }
        tokio::time::sleep(secs(30)).await;
        let row = simulation.row(&key);
        assert!(row.settled_at.is_some() && row.crash_score == 0, "with {lost:?} lost it still waits: {row:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn frequent_worker_kills_do_not_quarantine_a_job() {
    let simulation = Simulation::new();
    let (key, body) = simulation.request_message(json!({}));
    *lock(&simulation.services.poison) = Some((key.clone(), Poison::Kill));
    simulation.services.triggers.send(body);
    for number in 0..1000 {
        let worker = simulation.start_worker(&format!("w{number}"));
        tokio::time::sleep(secs(30)).await;
        worker.process.kill();
    }
    let row = simulation.row(&key);
    assert_eq!((row.crash_score, row.quarantined), (8, None));
    *lock(&simulation.services.poison) = None;
    let _worker = simulation.start_worker("last");
    simulation.wait_settled().await;
    assert_eq!((simulation.row(&key).status(), simulation.row(&key).crash_score), (Status::Success, 0));
}
