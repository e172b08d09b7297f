//! Forges that are down or slow, alone and beside healthy ones.

use std::time::Duration;

use doorbell_messages::{JobKey, Status};
use serde_json::json;

use crate::fakes::{ForgeBehavior, lock};
use crate::harness::{Simulation, secs};

fn address(number: usize) -> String {
    format!("https://forge-{number}.example.org")
}

fn register(simulation: &Simulation, number: usize) -> String {
    let name = format!("project-{number}");
    let report = json!({"type": "pagure", "url": address(number), "repo": "demo", "tokenSecret": "forge/demo"});
    simulation.register(&name, json!({"reportTo": report}));
    name
}

fn set_behavior(simulation: &Simulation, number: usize, behavior: Option<ForgeBehavior>) {
    let mut forge = lock(&simulation.services.forge);
    match behavior {
        Some(behavior) => forge.behaviors.insert(address(number), behavior),
        None => forge.behaviors.remove(&address(number)),
    };
}

fn requests(simulation: &Simulation, number: usize) -> u32 {
    lock(&simulation.services.forge).requests.get(&address(number)).copied().unwrap_or_default()
}

async fn run_day_long_outage(behavior: ForgeBehavior, jobs: usize, is_worker_new: bool) {
    let simulation = Simulation::new();
    let project = register(&simulation, 0);
    let first = simulation.start_worker("a");
    lock(&simulation.services.provider).behavior.build_limit = 1000;
    set_behavior(&simulation, 0, Some(behavior));
    let keys: Vec<JobKey> = (0..jobs).map(|_| simulation.publish(json!({"project": project}))).collect();
    tokio::time::sleep(secs(24 * 3600)).await;
    let during = requests(&simulation, 0);
    assert!(during <= 24 * 15, "{behavior:?}: {during} requests in the day");
    let _second = is_worker_new.then(|| {
        first.process.kill();
        simulation.start_worker("b")
    });
    set_behavior(&simulation, 0, None);
    tokio::time::sleep(secs(15 * 60)).await;
    for key in &keys {
        assert_eq!(
            simulation.reported(key).last(),
            Some(&Status::Success),
            "{behavior:?}: {:?}",
            simulation.row(key).reports[0].notification
        );
    }
    simulation.wait_settled().await;
    let after = requests(&simulation, 0) - during;
    println!("{behavior:?}: {during} requests in the day, {after} after it for {jobs} jobs");
    assert!(after as usize <= jobs * 11 / 10, "{behavior:?}: {after} requests for {jobs} statuses");
}

#[tokio::test(start_paused = true)]
async fn recovered_forge_gets_every_status_within_15_minutes() {
    for behavior in [ForgeBehavior::Down, ForgeBehavior::Hanging, ForgeBehavior::Overloaded { retry_after: 600 }] {
        run_day_long_outage(behavior, 100, behavior == ForgeBehavior::Hanging).await;
    }
}

/// The 99th percentile of the time from a build's end to its final flag.
async fn p99_delay_of_others(dead: Option<ForgeBehavior>) -> Duration {
    let simulation = Simulation::new();
    lock(&simulation.services.provider).behavior.build_limit = 1000;
    let projects: Vec<String> = (0..=50).map(|number| register(&simulation, number)).collect();
    if let Some(behavior) = dead {
        set_behavior(&simulation, 0, Some(behavior));
    }
    let _worker = simulation.start_worker("a");
    let mut good = Vec::new();
    for _ in 0..10 {
        for (number, project) in projects.iter().enumerate() {
            // The failing forge has as many jobs as all the others together.
            let jobs = if number == 0 { 50 } else { 1 };
            for _ in 0..jobs {
                let key = simulation.publish(json!({"project": project}));
                if number > 0 {
                    good.push(key);
                }
            }
        }
        tokio::time::sleep(secs(10)).await;
    }
    tokio::time::sleep(secs(200)).await;
    let mut waits: Vec<Duration> = good
        .iter()
        .map(|key| {
            let ended = simulation.own_builds(key)[0].ended_at.unwrap();
            let reported = simulation.flags(key).into_iter().find(|flag| flag.status.is_final());
            reported.unwrap_or_else(|| panic!("{key} was not reported")).at.duration_since(ended)
        })
        .collect();
    waits.sort();
    waits[waits.len() * 99 / 100]
}

#[tokio::test(start_paused = true)]
async fn unreachable_forge_does_not_delay_other_forges() {
    let before = p99_delay_of_others(None).await;
    for behavior in [ForgeBehavior::Hanging, ForgeBehavior::Down] {
        let during = p99_delay_of_others(Some(behavior)).await;
        println!("p99 of the other forges: {before:?}, beside a dead one ({behavior:?}) {during:?}");
        assert!(during <= before.mul_f64(1.1), "{behavior:?}: p99 {during:?}, without it {before:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn late_final_report_after_an_unknown_one_is_sent_once() {
    let simulation = Simulation::new();
    let project = register(&simulation, 0);
    let _worker = simulation.start_worker("a");
    set_behavior(&simulation, 0, Some(ForgeBehavior::Hanging));
    let key = simulation.publish(json!({"project": project}));
    tokio::time::sleep(secs(600)).await;
    set_behavior(&simulation, 0, None);
    simulation.wait_settled().await;
    assert_eq!(simulation.reported(&key), [Status::Success]);
}

/// Requests without a commit: each needs a lookup before its launch is frozen.
fn publish_branch_request(simulation: &Simulation, project: &str) -> JobKey {
    simulation.publish(json!({"project": project, "commit": null}))
}

#[tokio::test(start_paused = true)]
async fn lookups_at_a_dripping_forge_hold_no_slot() {
    for behavior in [ForgeBehavior::Hanging, ForgeBehavior::Down] {
        let simulation = Simulation::new();
        lock(&simulation.services.provider).behavior.build_limit = 1000;
        let (slow, good) = (register(&simulation, 0), register(&simulation, 1));
        set_behavior(&simulation, 0, Some(behavior));
        let _worker = simulation.start_worker("a");
        let waiting: Vec<JobKey> = (0..250).map(|_| publish_branch_request(&simulation, &slow)).collect();
        tokio::time::sleep(secs(1)).await;
        for _ in 0..3 {
            let key = publish_branch_request(&simulation, &good);
            tokio::time::sleep(secs(2)).await;
            assert_eq!(simulation.own_builds(&key).len(), 1, "{behavior:?}: not started within 2 s");
        }
        tokio::time::sleep(secs(30 * 60)).await;
        let calls = requests(&simulation, 0);
        assert!(calls <= 30, "{behavior:?}: {calls} calls of a forge that does not answer");
        set_behavior(&simulation, 0, None);
        tokio::time::sleep(secs(15 * 60)).await;
        for key in &waiting {
            assert_eq!(simulation.own_builds(key).len(), 1, "{behavior:?}: {:#?}", simulation.row(key));
        }
        simulation.wait_settled().await;
    }
}
