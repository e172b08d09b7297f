//! Accounts and build projects at their concurrency limits.

use std::time::Duration;

use doorbell_messages::Status;
use serde_json::json;

use crate::fakes::{PortCall, lock};
use crate::harness::{Simulation, secs};

#[tokio::test(start_paused = true)]
async fn build_limit_of_one_runs_jobs_sequentially() {
    let simulation = Simulation::new();
    let _workers = [simulation.start_worker("a"), simulation.start_worker("b")];
    lock(&simulation.services.provider).behavior.build_limit = 1;
    let keys: Vec<_> = (0..5).map(|_| simulation.publish(json!({}))).collect();
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts(), [("success", 5)].into());
    assert_eq!(lock(&simulation.services.provider).peak_running, 1);
    for key in keys {
        let reported = simulation.reported(&key);
        let expected = [vec![Status::Running, Status::Success], vec![Status::Queued, Status::Running, Status::Success]];
        assert!(expected.contains(&reported), "{reported:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_start_stops_further_start_calls() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.build_limit = 0;
    simulation.publish(json!({}));
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..49 {
        simulation.publish(json!({}));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((simulation.rows().len(), worker.process.count(PortCall::Start)), (50, 1));
    tokio::time::sleep(secs(600)).await;
    let starts = worker.process.count(PortCall::Start);
    assert!(starts <= 50 * 16, "each job asks about once a minute in the end, not {starts} times in ten minutes");
    lock(&simulation.services.provider).behavior.build_limit = 20;
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts(), [("success", 50)].into());
}

#[tokio::test(start_paused = true)]
async fn denied_start_is_retried_until_permissions_are_fixed() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.is_denied = true;
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(3600)).await;
    assert_eq!(simulation.reported(&key), [Status::Queued]);
    let starts = worker.process.count(PortCall::Start);
    assert!((10..40).contains(&starts), "{starts} tries in an hour");
    lock(&simulation.services.provider).behavior.is_denied = false;
    simulation.wait_settled().await;
    assert_eq!(simulation.row(&key).status(), Status::Success);
}

/// Runs a burst of requests at a quota. Returns its duration, and the StartBuild calls per job.
async fn run_burst(workers: u32, limit: usize, build_time: Duration, jobs: u32) -> (Duration, f64) {
    run_burst_with_events(workers, limit, build_time, jobs, 1).await
}

/// The same where each event is delivered so many times.
async fn run_burst_with_events(
    workers: u32,
    limit: usize,
    build_time: Duration,
    jobs: u32,
    event_copies: u32,
) -> (Duration, f64) {
    let simulation = Simulation::new();
    {
        let rules = &mut lock(&simulation.services.provider).behavior;
        (rules.build_limit, rules.build_time, rules.end_event_after) = (limit, build_time, Duration::from_millis(50));
        rules.event_copies = event_copies;
    }
    let workers: Vec<_> = (0..workers).map(|number| simulation.start_worker(&number.to_string())).collect();
    tokio::time::sleep(secs(1)).await;
    let started_at = simulation.services.now();
    for _ in 0..jobs {
        simulation.publish(json!({}));
    }
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts(), [("success", jobs as usize)].into());
    let builds = lock(&simulation.services.provider).builds(simulation.services.now());
    let ended = builds.iter().filter_map(|build| build.ended_at).max().unwrap();
    let sends: u32 = workers.iter().map(|worker| worker.process.count(PortCall::Start)).sum();
    (ended.duration_since(started_at), f64::from(sends) / f64::from(jobs))
}

#[tokio::test(start_paused = true)]
async fn short_builds_at_a_quota_fill_slots_with_few_throttles() {
    for workers in [1, 4] {
        let (took, sends) = run_burst(workers, 20, Duration::from_millis(500), 200).await;
        println!("{workers} workers: {took:?} of 5 s, {sends} StartBuild calls a job");
        assert!(took <= Duration::from_millis(7500), "{workers} workers: {took:?}, ideal is 5 s");
        assert!(sends <= 1.5, "{workers} workers: {sends} StartBuild calls a job");
    }
}

#[tokio::test(start_paused = true)]
async fn slots_freed_without_events_are_found_while_jobs_wait() {
    for workers in [1, 4] {
        let (took, sends) = run_burst_with_events(workers, 20, Duration::from_millis(500), 200, 0).await;
        println!("{workers} workers: {took:?} of 5 s, {sends} StartBuild calls a job");
        assert!(took <= Duration::from_millis(9000), "{workers} workers: {took:?}, ideal is 5 s");
        assert!(sends <= 1.5, "{workers} workers: {sends} StartBuild calls a job");
    }
}

#[tokio::test(start_paused = true)]
async fn long_builds_at_a_quota_cost_few_start_calls() {
    let (took, sends) = run_burst(2, 5, secs(600), 40).await;
    println!("{took:?} of 4800 s, {sends} StartBuild calls a job");
    assert!(took <= secs(4800 + 480), "{took:?}");
    assert!(sends <= 3.0, "{sends} StartBuild calls a job");
}

/// Runs jobs of a big project and then of a small one, in one concurrency group or in two.
async fn run_small_beside_big(pools: [&str; 2]) -> Duration {
    let simulation = Simulation::new();
    simulation.register("big", json!({"buildProject": pools[0]}));
    simulation.register("small", json!({"buildProject": pools[1]}));
    {
        let rules = &mut lock(&simulation.services.provider).behavior;
        (rules.build_limit, rules.build_time) = (3, secs(10));
        (rules.start_event_after, rules.end_event_after) = (Duration::ZERO, Duration::from_millis(50));
    }
    let _workers = [simulation.start_worker("a"), simulation.start_worker("b")];
    let started_at = simulation.services.now();
    for _ in 0..270 {
        simulation.publish(json!({"project": "big"}));
    }
    let small: Vec<_> = (0..30).map(|_| simulation.publish(json!({"project": "small"}))).collect();
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts(), [("success", 300)].into());
    assert_eq!(lock(&simulation.services.provider).peak_running, 3);
    let ends = small.iter().map(|key| simulation.own_builds(key)[0].ended_at.unwrap());
    ends.max().unwrap().duration_since(started_at)
}

#[tokio::test(start_paused = true)]
async fn small_project_is_not_starved_by_a_big_one() {
    // Every other build of three at once: 30 jobs are finished after 60 builds of 10 s.
    for pools in [["builds", "builds"], ["builds", "deploys"]] {
        let took = run_small_beside_big(pools).await;
        println!("{pools:?}: {took:?}, fair are 200 s");
        assert!(took <= secs(240), "{pools:?}: {took:?}, fair are 200 s");
    }
}

#[tokio::test(start_paused = true)]
async fn limited_build_project_does_not_delay_others() {
    let simulation = Simulation::new();
    simulation.register("narrow", json!({"buildProject": "narrow"}));
    {
        let rules = &mut lock(&simulation.services.provider).behavior;
        rules.build_limit = 5;
        rules.project_limits.insert("narrow".to_owned(), 1);
    }
    let worker = simulation.start_worker("a");
    let narrow: Vec<_> = (0..10).map(|_| simulation.publish(json!({"project": "narrow"}))).collect();
    let wide: Vec<_> = (0..40).map(|_| simulation.publish(json!({}))).collect();
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts(), [("success", narrow.len() + wide.len())].into());
    let last = wide.iter().map(|key| simulation.own_builds(key)[0].ended_at.unwrap()).max().unwrap();
    let took = last.duration_since(simulation.row(&wide[0]).received_at);
    // At least four of five slots, ten rounds of 30 s.
    assert!(took <= secs(400), "{took:?}");
    let sends = worker.process.count(PortCall::Start);
    assert!(sends <= 100, "{sends} StartBuild calls for 50 jobs at two limits");
}

#[tokio::test(start_paused = true)]
async fn waiting_jobs_of_a_dead_worker_are_taken_over() {
    let simulation = Simulation::new();
    let first = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.build_limit = 0;
    for _ in 0..20 {
        simulation.publish(json!({}));
    }
    tokio::time::sleep(secs(600)).await;
    first.process.kill();
    lock(&simulation.services.provider).behavior.build_limit = 20;
    let _second = simulation.start_worker("b");
    tokio::time::sleep(secs(90)).await;
    assert_eq!(lock(&simulation.services.provider).builds(simulation.services.now()).len(), 20);
    simulation.wait_settled().await;
}

#[tokio::test(start_paused = true)]
async fn job_waiting_for_a_build_fails_after_queue_timeout() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.build_limit = 0;
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(24 * 3600 + 120)).await;
    assert_eq!(simulation.reported(&key), [Status::Queued, Status::Error]);
    assert!(simulation.flags(&key)[1].comment.starts_with("waited too long for a build"));
    let sends = worker.process.count(PortCall::Start);
    assert!(sends <= 24 * 130, "{sends} sends in a day");
    simulation.wait_settled().await;
}
