//! What a job costs in the ledger: the table in docs/cost.md has the same numbers.

use doorbell_messages::Status;
use serde_json::{Value, json};

use crate::fakes::{PortCall, lock};
use crate::harness::{Simulation, secs};

/// The writes of a job's row where the worker has read the project's policy.
async fn writes_of_a_job(document: Value, request: Value) -> u64 {
    let simulation = Simulation::new();
    simulation.register("demo", document);
    lock(&simulation.services.provider).behavior.build_time = secs(5);
    let _worker = simulation.start_worker("a");
    tokio::time::sleep(secs(5)).await;
    simulation.publish(json!({"branch": "first"}));
    tokio::time::sleep(secs(2)).await;
    let key = simulation.publish(request);
    simulation.wait_settled().await;
    assert_eq!(simulation.row(&key).status(), Status::Success);
    simulation.row(&key).rev
}

#[tokio::test(start_paused = true)]
async fn job_that_nothing_delays_costs_five_writes() {
    assert_eq!(writes_of_a_job(json!({}), json!({})).await, 5);
    assert_eq!(writes_of_a_job(json!({"maxJobsPerHour": 9}), json!({})).await, 6, "the row waits for the count");
    assert_eq!(writes_of_a_job(json!({}), json!({"commit": null})).await, 6, "the forge resolves the ref");
}

#[tokio::test(start_paused = true)]
async fn job_is_not_read_and_costs_one_write_more_without_its_policy() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    tokio::time::sleep(secs(5)).await;
    let key = simulation.publish(json!({}));
    simulation.wait_settled().await;
    assert_eq!((simulation.row(&key).rev, worker.process.count(PortCall::Load)), (6, 0));
}

/// The average number of writes of a job in a burst, where no limit of the provider is reached.
async fn writes_of_a_burst(jobs: u32) -> f64 {
    let simulation = Simulation::new();
    simulation.register("demo", json!({"reportTo": null}));
    {
        let rules = &mut lock(&simulation.services.provider).behavior;
        (rules.build_limit, rules.build_time) = (usize::MAX, secs(30));
    }
    let _worker = simulation.start_worker("a");
    tokio::time::sleep(secs(5)).await;
    simulation.publish(json!({"branch": "first"}));
    tokio::time::sleep(secs(2)).await;
    for _ in 0..jobs {
        simulation.publish(json!({}));
    }
    simulation.wait_settled().await;
    assert_eq!(simulation.status_counts(), [("success", jobs as usize + 1)].into());
    let writes: u64 = simulation.rows().iter().map(|row| row.rev).sum();
    writes as f64 / f64::from(jobs + 1)
}

#[tokio::test(start_paused = true)]
async fn jobs_of_a_burst_stay_queued_until_they_can_be_started() {
    let writes = writes_of_a_burst(2000).await;
    println!("{writes:.2} writes a job");
    assert!(writes <= 3.2, "{writes:.2} writes a job; 3 are needed, and one more by a job that waits for its start");
}
