//! What a job costs in the ledger: the table in docs/cost.md has the same numbers.

use doorbell_messages::Status;
use serde_json::{Value, json};

use crate::fakes::{PortCall, lock};
use crate::harness::{Simulation, secs};

/// Jobs after which a lone worker keeps the receipts of *running*.
const WARM_UP_JOBS: u32 = 8;

/// The writes of a job's row where the worker has read the project's policy and ended so many jobs before.
async fn writes_of_a_job(earlier_jobs: u32, document: Value, request: Value) -> u64 {
    let simulation = Simulation::new();
    simulation.register("demo", document);
    lock(&simulation.services.provider).behavior.build_time = secs(5);
    let _worker = simulation.start_worker("a");
    tokio::time::sleep(secs(5)).await;
    for number in 0..earlier_jobs {
        simulation.publish(json!({"branch": format!("earlier-{number}")}));
        tokio::time::sleep(secs(7)).await;
    }
    let key = simulation.publish(request);
    simulation.wait_settled().await;
    assert_eq!(simulation.row(&key).status(), Status::Success);
    simulation.row(&key).rev
}

#[tokio::test(start_paused = true)]
async fn job_that_nothing_delays_costs_four_writes() {
    let cost = |document, request| writes_of_a_job(WARM_UP_JOBS, document, request);
    assert_eq!(cost(json!({}), json!({})).await, 4);
    assert_eq!(cost(json!({"maxJobsPerHour": 9}), json!({})).await, 5, "the row waits for the count");
    assert_eq!(cost(json!({}), json!({"commit": null})).await, 5, "the forge resolves the ref");
    assert_eq!(cost(json!({"reportTo": null}), json!({})).await, 3, "no reports");
}

#[tokio::test(start_paused = true)]
async fn first_jobs_of_a_worker_cost_five_writes() {
    for earlier_jobs in [1, WARM_UP_JOBS - 1] {
        assert_eq!(writes_of_a_job(earlier_jobs, json!({}), json!({})).await, 5, "after {earlier_jobs}");
    }
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
