//! Receipts of non-final reports that a worker keeps in memory: what they save, and what a lost one costs.

use std::time::Duration;

use doorbell_messages::{JobKey, Status};
use serde_json::json;

use crate::crashes::check_takeover;
use crate::fakes::{FaultAction, FaultPoint, PortCall, SeededRng, lock};
use crate::harness::{RunningWorker, Simulation, secs};

/// Jobs after which a worker that ends all of them keeps receipts.
const WARM_UP_JOBS: u32 = 10;

const BUILD_TIME: Duration = secs(30);

/// Lets the workers end some jobs.
async fn warm_up(simulation: &Simulation) {
    for _ in 0..WARM_UP_JOBS {
        simulation.publish(json!({}));
        tokio::time::sleep(secs(1)).await;
    }
    simulation.wait_settled().await;
}

/// A worker that ends all the jobs that it starts, and has seen that.
async fn start_lone_worker(simulation: &Simulation) -> RunningWorker {
    lock(&simulation.services.provider).behavior.build_time = BUILD_TIME;
    let worker = simulation.start_worker("a");
    warm_up(simulation).await;
    worker
}

/// A job whose report *running* was delivered, and whose receipt is kept.
async fn publish_and_keep_receipt(simulation: &Simulation) -> JobKey {
    let key = simulation.publish(json!({}));
    simulation.wait_until("it is reported", |simulation| simulation.reported(&key) == [Status::Running]).await;
    tokio::time::sleep(secs(1)).await;
    assert!(is_unwritten(simulation, &key));
    key
}

fn is_unwritten(simulation: &Simulation, key: &JobKey) -> bool {
    let notification = simulation.row(key).reports[0].notification.clone();
    notification.in_flight.is_some() && notification.delivered.is_none()
}

/// How long after the end of its build a job was settled.
fn settled_after(simulation: &Simulation, key: &JobKey) -> Duration {
    let started = simulation.own_builds(key)[0].started_at.unwrap();
    simulation.row(key).settled_at.unwrap().duration_since(started + BUILD_TIME)
}

/// What a job costs, on average.
#[derive(Debug, PartialEq)]
struct CostPerJob {
    writes: f64,
    flag_calls: f64,
}

/// A fleet that works on jobs of one kind, one about every two seconds, each message at any of its workers.
async fn cost_in_a_fleet(workers: u32, build_time: Duration, jobs: u32) -> CostPerJob {
    let simulation = Simulation::new();
    {
        let behavior = &mut lock(&simulation.services.provider).behavior;
        (behavior.build_time, behavior.build_limit) = (build_time, 1_000);
    }
    for (seed, queue) in [(1, &simulation.services.triggers), (2, &simulation.services.events)] {
        *lock(&queue.spread) = Some(SeededRng::new(seed));
    }
    let _fleet: Vec<RunningWorker> =
        (0..workers).map(|number| simulation.start_worker(&format!("w{number}"))).collect();
    tokio::time::sleep(secs(5)).await;
    for _ in 0..jobs {
        simulation.publish(json!({}));
        tokio::time::sleep(Duration::from_millis(1_900)).await;
    }
    simulation.wait_settled().await;
    let writes: u64 = simulation.rows().iter().map(|row| row.rev).sum();
    let flag_calls = lock(&simulation.services.forge).history.len();
    let per_job = |count: f64| count / f64::from(jobs);
    let cost = CostPerJob { writes: per_job(writes as f64), flag_calls: per_job(flag_calls as f64) };
    println!("{workers} workers, builds of {build_time:?}: {cost:?}");
    cost
}

/// The condition on which receipts may be kept at all.
#[tokio::test(start_paused = true)]
async fn fleet_pays_no_flag_call_for_kept_receipts() {
    for (workers, seconds) in [(2, 5), (4, 5), (4, 90)] {
        let cost = cost_in_a_fleet(workers, secs(seconds), 150).await;
        assert_eq!(cost.flag_calls, 2.0, "{workers} workers, {seconds} s: {cost:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lone_worker_saves_a_write_a_job() {
    // The first eight jobs cost one write more each, the first of all waits for its policy, and builds over 60 s are
    // polled.
    for (seconds, max_writes) in [(5, 4.2), (90, 5.8)] {
        let cost = cost_in_a_fleet(1, secs(seconds), 100).await;
        assert!(cost.writes < max_writes && cost.flag_calls == 2.0, "{seconds} s: {cost:?}");
    }
}

/// Before, each job of these cost a write more.
#[tokio::test(start_paused = true)]
async fn fleet_keeps_receipts_where_builds_outlast_them() {
    let cost = cost_in_a_fleet(4, secs(200), 300).await;
    assert!(cost.writes < 7.8 && cost.flag_calls == 2.0, "{cost:?}");
}

#[tokio::test(start_paused = true)]
async fn stop_writes_kept_receipts() {
    let simulation = Simulation::new();
    let first = start_lone_worker(&simulation).await;
    let key = publish_and_keep_receipt(&simulation).await;
    first.stop.cancel();
    first.task.await.unwrap();
    assert!(!is_unwritten(&simulation, &key));
    let _second = simulation.start_worker("b");
    simulation.wait_settled().await;
    assert_eq!(simulation.reported(&key), [Status::Running, Status::Success]);
}

#[tokio::test(start_paused = true)]
async fn receipt_lost_with_its_worker_costs_a_second_final_report() {
    let simulation = Simulation::new();
    let first = start_lone_worker(&simulation).await;
    let key = publish_and_keep_receipt(&simulation).await;
    first.process.kill();
    let _second = simulation.start_worker("b");
    simulation.wait_settled().await;
    assert_eq!(simulation.reported(&key), [Status::Running, Status::Success, Status::Success]);
    let finals: Vec<_> = simulation.flags(&key).into_iter().skip(1).map(|flag| flag.at).collect();
    assert!(finals[1].duration_since(finals[0]) >= secs(120));
}

/// The first worker lives, and the second one does not know that the report was delivered.
#[tokio::test(start_paused = true)]
async fn other_worker_reports_the_end_soon_without_the_receipt() {
    let simulation = Simulation::new();
    let first = start_lone_worker(&simulation).await;
    lock(&simulation.services.provider).behavior.build_time = secs(5);
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(3)).await;
    assert!(is_unwritten(&simulation, &key));
    first.process.stop();
    let _second = simulation.start_worker("b");
    simulation.wait_until("its end is reported", |simulation| simulation.reported(&key).len() == 2).await;
    let flags = simulation.flags(&key);
    let waited = flags[1].at.duration_since(flags[0].at);
    assert!(waited > secs(25) && waited < secs(40), "the end is reported {waited:?} after the claim");
    first.process.resume();
    simulation.wait_settled().await;
    assert_eq!(simulation.reported(&key)[1..], [Status::Success, Status::Success]);
}

/// The task that reports *running* does not see the row's next write, and the task that writes it not the receipt.
#[tokio::test(start_paused = true)]
async fn end_during_the_report_of_running_is_reported_at_once() {
    for millis in [500, 1_500, 3_000, 8_000] {
        let simulation = Simulation::new();
        let worker = start_lone_worker(&simulation).await;
        worker.process.inject_next(PortCall::ReportStatus, FaultPoint::After, FaultAction::Delay(secs(3)));
        lock(&simulation.services.provider).behavior.build_time = Duration::from_millis(millis);
        let key = simulation.publish(json!({}));
        simulation
            .wait_until("it is settled", |simulation| {
                simulation.rows().iter().any(|row| row.key == key && row.settled_at.is_some())
            })
            .await;
        assert_eq!(simulation.reported(&key), [Status::Running, Status::Success]);
        let flags = simulation.flags(&key);
        let waited = flags[1].at.duration_since(flags[0].at);
        assert!(waited < secs(12), "builds of {millis} ms: {waited:?}");
    }
}

/// Kills a worker that keeps receipts at the nth such call of one more job; another worker takes over.
async fn check_kill(nth: u32, call: PortCall, moment: FaultPoint, downtime: u64) {
    let simulation = Simulation::new();
    let first = start_lone_worker(&simulation).await;
    check_takeover(&simulation, &first, (nth, call, moment), downtime).await;
}

#[tokio::test(start_paused = true)]
async fn kill_between_any_two_writes_leaves_the_correct_status() {
    // Four writes: the insert, the build with the claim, the end with the receipt and the final claim, the settled row.
    let calls = [(PortCall::Update, 3), (PortCall::ReportStatus, 2), (PortCall::Describe, 1)];
    for (call, count) in calls {
        for nth in 1..=count {
            for moment in [FaultPoint::Before, FaultPoint::After] {
                for downtime in [0, 70, 400] {
                    check_kill(nth, call, moment, downtime).await;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn kept_receipt_is_applied_after_a_lost_reply_or_a_failed_write() {
    for point in [FaultPoint::Before, FaultPoint::After] {
        let simulation = Simulation::new();
        let worker = start_lone_worker(&simulation).await;
        let key = publish_and_keep_receipt(&simulation).await;
        worker.process.inject_next(PortCall::Update, point, FaultAction::Fail);
        simulation.wait_settled().await;
        assert_eq!(simulation.reported(&key), [Status::Running, Status::Success], "{point:?}");
        assert!(settled_after(&simulation, &key) < secs(20));
    }
}
