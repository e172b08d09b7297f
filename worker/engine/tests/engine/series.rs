//! Which requests are one job: repeats, refusals and cancels, with a second publisher who knows the words.

use doorbell_engine::domain::{BuildOutcome, Phase, Row};
use doorbell_messages::{JobKey, Status};
use serde_json::{Value, json};

use crate::fakes::{FaultAction, FaultPoint, PortCall, lock};
use crate::harness::{RunningWorker, Simulation, secs};

const HOUR: u64 = 3600;

/// Lets hours pass without a worker, which would only sweep.
async fn pass_hours(simulation: &Simulation, worker: &mut RunningWorker, hours: u64) {
    worker.process.kill();
    tokio::time::sleep(secs(hours * HOUR)).await;
    *worker = simulation.start_worker(&format!("after-{hours}-hours-{}", simulation.services.now()));
}

/// The rows of a series in the order in which their requests were published.
fn jobs(simulation: &Simulation, series: &JobKey) -> Vec<Row> {
    let mut rows = simulation.rows();
    rows.retain(|row| row.key.series() == *series);
    rows.sort_by_key(|row| row.message.sent_at);
    rows
}

fn statuses(simulation: &Simulation, series: &JobKey) -> Vec<Status> {
    jobs(simulation, series).iter().map(Row::status).collect()
}

#[tokio::test(start_paused = true)]
async fn early_copy_of_a_request_does_not_swallow_the_next_push() {
    let simulation = Simulation::new();
    let mut worker = simulation.start_worker("a");
    let words = json!({"id": "ci-1", "commit": null, "project": "plain"});
    simulation.register("plain", json!({"reportTo": null}));
    let key = simulation.publish(words.clone());
    simulation.wait_settled().await;
    pass_hours(&simulation, &mut worker, 24).await;
    assert_eq!(simulation.publish(words), key);
    simulation.wait_settled().await;
    assert_eq!(statuses(&simulation, &key), [Status::Success, Status::Success]);
}

#[tokio::test(start_paused = true)]
async fn repeat_within_the_window_is_the_same_job() {
    for (fields, seconds) in [(json!({"id": "ci-1"}), 59 * 60), (json!({"id": "ci-1", "commit": null}), 110)] {
        let simulation = Simulation::new();
        let _workers = [simulation.start_worker("a"), simulation.start_worker("b")];
        let key = simulation.publish(fields.clone());
        simulation
            .wait_until("it is settled", |simulation| {
                simulation.rows().iter().any(|row| row.settled_at.is_some() && row.key == key)
            })
            .await;
        let published = simulation.row(&key).message.sent_at;
        let elapsed = simulation.services.now().duration_since(published);
        tokio::time::sleep(secs(seconds).saturating_sub(elapsed)).await;
        simulation.publish(fields);
        simulation.wait_settled().await;
        assert_eq!(statuses(&simulation, &key), [Status::Success]);
    }
}

#[tokio::test(start_paused = true)]
async fn request_refused_before_its_registration_runs_after_it() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    let words = json!({"id": "ci-1", "project": "soon"});
    let key = simulation.publish(words.clone());
    simulation.wait_settled().await;
    simulation.register("soon", json!({}));
    tokio::time::sleep(secs(31)).await;
    simulation.publish(words);
    simulation.wait_settled().await;
    assert_eq!(statuses(&simulation, &key), [Status::Rejected, Status::Success]);
}

#[tokio::test(start_paused = true)]
async fn commit_that_was_not_on_its_ref_runs_after_the_merge() {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.result = BuildOutcome::from_exit_code(242);
    let key = simulation.publish(json!({"id": "ci-1"}));
    simulation.wait_settled().await;
    lock(&simulation.services.provider).behavior.result = BuildOutcome::Success;
    simulation.publish(json!({"id": "ci-1"}));
    simulation.wait_settled().await;
    assert_eq!(statuses(&simulation, &key), [Status::Error, Status::Success]);
    for row in jobs(&simulation, &key) {
        assert_eq!(simulation.reported(&row.key).last(), Some(&row.status()), "each job has a flag of its own");
    }
}

/// A build that fails before its command while the real request arrives as a repeat.
async fn publish_during_a_doomed_build(simulation: &Simulation, repeats: u32) -> JobKey {
    lock(&simulation.services.provider).behavior.result = BuildOutcome::from_exit_code(242);
    let key = simulation.publish(json!({"id": "ci-1"}));
    simulation
        .wait_until("it runs", |simulation| {
            simulation.rows().iter().any(|row| matches!(row.phase, Phase::Running { .. }))
        })
        .await;
    lock(&simulation.services.provider).behavior.result = BuildOutcome::Success;
    for _ in 0..repeats {
        simulation.publish(json!({"id": "ci-1"}));
    }
    key
}

#[tokio::test(start_paused = true)]
async fn repeat_of_a_job_that_ends_as_refused_becomes_the_next_job() {
    let simulation = Simulation::new();
    let _workers = [simulation.start_worker("a"), simulation.start_worker("b")];
    let key = publish_during_a_doomed_build(&simulation, 5).await;
    simulation.wait_settled().await;
    assert_eq!(statuses(&simulation, &key), [Status::Error, Status::Success], "five repeats are one job");
    let jobs = jobs(&simulation, &key);
    assert_eq!(jobs[0].followed_by.as_ref(), Some(&jobs[1].key));
}

#[tokio::test(start_paused = true)]
async fn promotion_survives_a_kill_at_each_of_its_writes() {
    for (call, skip) in [
        (PortCall::Update, 0),
        (PortCall::Update, 1),
        (PortCall::Update, 2),
        (PortCall::Insert, 0),
        (PortCall::Load, 0),
        (PortCall::Load, 1),
    ] {
        for point in [FaultPoint::Before, FaultPoint::After] {
            let simulation = Simulation::new();
            let worker = simulation.start_worker("a");
            let key = publish_during_a_doomed_build(&simulation, 1).await;
            simulation
                .wait_until("it has a repeat", |simulation| simulation.rows().iter().any(|row| row.repeat.is_some()))
                .await;
            worker.process.inject_nth(skip + 1, call, point, FaultAction::Kill);
            simulation.wait_until("it is killed", |_| worker.process.is_killed()).await;
            let _other = simulation.start_worker("b");
            simulation.wait_settled().await;
            let result = statuses(&simulation, &key);
            assert_eq!(result, [Status::Error, Status::Success], "{call:?} {skip} {point:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn request_killed_between_the_two_writes_of_a_later_job_runs() {
    for (call, point) in [
        (PortCall::Update, FaultPoint::Before),
        (PortCall::Update, FaultPoint::After),
        (PortCall::Insert, FaultPoint::Before),
        (PortCall::Insert, FaultPoint::After),
    ] {
        let simulation = Simulation::new();
        let worker = simulation.start_worker("a");
        let key = simulation.publish(json!({"id": "ci-1"}));
        simulation.wait_settled().await;
        tokio::time::sleep(secs(2 * HOUR)).await;
        // The first insert meets the row at K.
        let skip = u32::from(call == PortCall::Insert);
        worker.process.inject_nth(skip + 1, call, point, FaultAction::Kill);
        simulation.publish(json!({"id": "ci-1"}));
        simulation.wait_until("it is killed", |_| worker.process.is_killed()).await;
        let _other = simulation.start_worker("b");
        simulation.wait_settled().await;
        assert_eq!(statuses(&simulation, &key), [Status::Success, Status::Success], "{call:?} {point:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn twin_delivered_70_hours_late_starts_nothing() {
    let simulation = Simulation::new();
    let mut worker = simulation.start_worker("a");
    let words = json!({"id": "ci-1"});
    let (key, body) = simulation.request_message(words.clone());
    let (_, twin) = simulation.request_message(words.clone());
    simulation.services.triggers.send(body.clone());
    simulation.wait_settled().await;
    pass_hours(&simulation, &mut worker, 35).await;
    simulation.publish(words);
    pass_hours(&simulation, &mut worker, 35).await;
    // Redriven from a dead-letter queue: the message itself, and a repeat that was published with it.
    simulation.services.triggers.send(body);
    simulation.services.triggers.send(twin);
    simulation.wait_settled().await;
    assert_eq!(statuses(&simulation, &key), [Status::Success, Status::Success], "35 h apart, and no third");
}

#[tokio::test(start_paused = true)]
async fn expired_first_row_never_repeats_a_job() {
    let simulation = Simulation::new();
    let mut worker = simulation.start_worker("a");
    let (key, body) = simulation.request_message(json!({"id": "ci-1"}));
    simulation.services.triggers.send(body.clone());
    simulation.wait_settled().await;
    pass_hours(&simulation, &mut worker, 31 * 24).await;
    lock(&simulation.services.ledger).remove_finished();
    simulation.services.triggers.send(body);
    simulation.wait_settled().await;
    assert_eq!(statuses(&simulation, &key), [Status::Rejected], "too old to build");
    simulation.publish(json!({"id": "ci-1"}));
    simulation.wait_settled().await;
    assert_eq!(statuses(&simulation, &key), [Status::Rejected, Status::Success]);
}

async fn cancel_between_two_repeats(in_order: [usize; 3]) {
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.build_time = secs(1200);
    let cancel = json!({"id": "ci-1", "action": "cancel"});
    let words: [Value; 3] = [json!({"id": "ci-1"}), cancel, json!({"id": "ci-1"})];
    let key = simulation.publish(words[0].clone());
    tokio::time::sleep(secs(20)).await;
    let mut bodies = Vec::new();
    for request in words {
        bodies.push(simulation.request_message(request).1);
        tokio::time::sleep(secs(20)).await;
    }
    for index in in_order {
        simulation.services.triggers.send(bodies[index].clone());
        tokio::time::sleep(secs(5)).await;
    }
    simulation.wait_settled().await;
    assert_eq!(statuses(&simulation, &key), [Status::Canceled, Status::Success], "{in_order:?}");
}

#[tokio::test(start_paused = true)]
async fn cancel_between_two_repeats_takes_only_the_first_with_it() {
    for in_order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        cancel_between_two_repeats(in_order).await;
    }
}

#[tokio::test(start_paused = true)]
async fn cancel_survives_a_kill_at_each_of_its_writes() {
    for skip in 0..4 {
        for point in [FaultPoint::Before, FaultPoint::After] {
            let simulation = Simulation::new();
            let worker = simulation.start_worker("a");
            lock(&simulation.services.provider).behavior.build_time = secs(3 * HOUR);
            let key = simulation.publish(json!({"id": "ci-1"}));
            tokio::time::sleep(secs(2 * HOUR)).await;
            simulation.publish(json!({"id": "ci-1"}));
            tokio::time::sleep(secs(60)).await;
            worker.process.inject_nth(skip + 1, PortCall::Update, point, FaultAction::Kill);
            simulation.publish(json!({"id": "ci-1", "action": "cancel"}));
            simulation.wait_until("it is killed", |_| worker.process.is_killed()).await;
            let _other = simulation.start_worker("b");
            simulation.wait_settled().await;
            assert_eq!(statuses(&simulation, &key), [Status::Canceled, Status::Canceled], "{skip} {point:?}");
        }
    }
}
