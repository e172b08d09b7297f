//! The metrics that alarms read, each with its cause.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Once;

use doorbell_engine::{MetricsRecorder, set_metrics_recorder};
use serde_json::json;

use crate::fakes::{ForgeBehavior, Poison, lock};
use crate::harness::{Simulation, secs};

thread_local! {
    /// A simulation runs in the thread of its test, so the tests of this process do not count together.
    static METRICS: RefCell<BTreeMap<&'static str, Vec<f64>>> = const { RefCell::new(BTreeMap::new()) };
}

struct ThreadRecorder;

impl MetricsRecorder for ThreadRecorder {
    fn increment(&self, counter: &'static str) {
        self.record(counter, 1.0);
    }

    fn set(&self, gauge: &'static str, value: f64) {
        self.record(gauge, value);
    }

    fn record(&self, distribution: &'static str, value: f64) {
        METRICS.with_borrow_mut(|metrics| metrics.entry(distribution).or_default().push(value));
    }
}

fn record_metrics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_metrics_recorder(Box::new(ThreadRecorder)));
}

fn values_of(name: &str) -> Vec<f64> {
    METRICS.with_borrow(|metrics| metrics.get(name).cloned().unwrap_or_default())
}

fn max_of(name: &str) -> f64 {
    values_of(name).into_iter().fold(0.0, f64::max)
}

#[tokio::test(start_paused = true)]
async fn denied_starts_count_and_the_waiting_job_ages() {
    record_metrics();
    let simulation = Simulation::new();
    lock(&simulation.services.provider).behavior.is_denied = true;
    let _worker = simulation.start_worker("a");
    simulation.publish(json!({}));
    tokio::time::sleep(secs(2 * 3600)).await;
    let refused = values_of("StartsRefused").len();
    assert!((20..=60).contains(&refused), "backed off to at most five minutes, it was refused {refused} times");
    // It waits up to five minutes between two tries.
    assert!((6900.0..=7200.0).contains(&max_of("OldestWaitingSeconds")), "{}", max_of("OldestWaitingSeconds"));
    assert_eq!(values_of("Sweeps").len(), values_of("OldestWaitingSeconds").len(), "each sweep sets it");
    lock(&simulation.services.provider).behavior.is_denied = false;
    simulation.wait_settled().await;
    assert_eq!(values_of("OldestWaitingSeconds").last(), Some(&0.0), "no job waits any more");
}

#[tokio::test(start_paused = true)]
async fn running_builds_and_limits_are_no_refused_starts() {
    record_metrics();
    let simulation = Simulation::new();
    lock(&simulation.services.provider).behavior.build_limit = 1;
    let _worker = simulation.start_worker("a");
    (0..3).for_each(|_| drop(simulation.publish(json!({}))));
    simulation.wait_settled().await;
    assert_eq!(values_of("StartsRefused"), [0.0; 0], "a limit is no refusal");
    assert_eq!(values_of("SecondsToStart").len(), 3);
    let waited = max_of("SecondsToStart");
    assert!(max_of("OldestWaitingSeconds") <= waited + 5.0, "a running build does not wait");
}

#[tokio::test(start_paused = true)]
async fn panics_and_quarantined_jobs_are_counted() {
    record_metrics();
    let simulation = Simulation::new();
    let _worker = simulation.start_worker("a");
    let (bad, body) = simulation.request_message(json!({}));
    *lock(&simulation.services.poison) = Some((bad, Poison::Panic));
    simulation.services.triggers.send(body);
    simulation.wait_settled().await;
    assert_eq!((values_of("Panics").len(), values_of("JobsQuarantined").len()), (3, 1));
    let before = values_of("OldestWaitingSeconds").len();
    tokio::time::sleep(secs(3600)).await;
    assert!(
        values_of("OldestWaitingSeconds")[before..].iter().all(|age| *age == 0.0),
        "quarantine has an alarm itself"
    );
}

/// The period of the alarm `jobs-wait`: a longer gap would end the alarm while the job still waits.
const JOBS_WAIT_PERIOD: f64 = 600.0;

#[tokio::test(start_paused = true)]
async fn job_waiting_for_a_dead_forge_is_measured_in_each_period() {
    record_metrics();
    let behaviors = [ForgeBehavior::Down, ForgeBehavior::Hanging, ForgeBehavior::Overloaded { retry_after: 600 }];
    for (behavior, jobs) in behaviors.into_iter().flat_map(|behavior| [(behavior, 1), (behavior, 50)]) {
        let simulation = Simulation::new();
        let before = values_of("OldestWaitingSeconds").len();
        let url = "https://dead.example.org";
        let report = json!({ "type": "pagure", "url": url, "repo": "demo", "tokenSecret": "forge/demo" });
        simulation.register("waiting", json!({ "reportTo": report }));
        lock(&simulation.services.forge).behaviors.insert(url.to_owned(), behavior);
        let worker = simulation.start_worker("a");
        (0..jobs).for_each(|_| drop(simulation.publish(json!({ "project": "waiting", "commit": null }))));
        tokio::time::sleep(secs(5 * 3600)).await;
        let mut ages = values_of("OldestWaitingSeconds").split_off(before);
        ages.retain(|age| *age > 0.0);
        let gap = ages.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        let last = ages.last().copied().unwrap_or_default();
        println!("{behavior:?}, {jobs} jobs: measured {} times, at most {gap} s apart", ages.len());
        assert!(gap <= JOBS_WAIT_PERIOD, "{behavior:?}, {jobs} jobs: {gap} s between two measurements");
        assert!(last >= 5.0 * 3600.0 - JOBS_WAIT_PERIOD, "{behavior:?}, {jobs} jobs: measured last after {last} s");
        worker.process.kill();
    }
}
