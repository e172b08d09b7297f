//! Redrives by people, long after the fact.

use std::collections::BTreeSet;

use doorbell_engine::domain::Row;

use crate::fakes::lock;
use crate::harness::{RunningWorker, Simulation, secs};
use crate::series_invariants::{PublishedRequest, check_series};
use crate::simulation::Published;

fn build_count(simulation: &Simulation) -> usize {
    lock(&simulation.services.provider).builds(simulation.services.now()).len()
}

async fn replace_after(simulation: &Simulation, worker: &RunningWorker, name: &str, hours: u64) -> RunningWorker {
    worker.process.kill();
    tokio::time::sleep(secs(hours * 3600)).await;
    simulation.start_worker_with_schema(name, Row::MAX_SCHEMA)
}

/// A person redrives a dead-letter queue after 68 h: copies of messages that became jobs, and twins of others.
pub async fn redrive_late(simulation: &Simulation, worker: &RunningWorker, published: &Published) -> RunningWorker {
    let worker = replace_after(simulation, worker, "late", 68).await;
    let before = build_count(simulation);
    let messages: BTreeSet<String> = simulation.rows().into_iter().map(|row| row.message.id).collect();
    for request in published.requests.iter().filter(|request| messages.contains(&request.message_id)) {
        simulation.services.triggers.send(request.body.clone());
    }
    simulation.wait_settled().await;
    assert_eq!(build_count(simulation), before, "a message that became a job was built again");
    for twin in &published.twins {
        simulation.services.triggers.send(twin.clone());
    }
    simulation.wait_settled().await;
    let twins: Vec<PublishedRequest> = published.twins.iter().cloned().map(PublishedRequest::new).collect();
    check_series(simulation, &twins);
    worker
}

/// TTL deletes all rows, and a person redrives the messages once more: each is too old.
pub async fn redrive_after_expiry(
    simulation: &Simulation,
    worker: &RunningWorker,
    published: &Published,
) -> RunningWorker {
    let worker = replace_after(simulation, worker, "expired", 61 * 24).await;
    let before = build_count(simulation);
    lock(&simulation.services.ledger).remove_finished();
    lock(&simulation.services.topic).received.clear();
    for request in &published.requests {
        simulation.services.triggers.send(request.body.clone());
    }
    simulation.wait_settled().await;
    assert_eq!(build_count(simulation), before);
    assert!(lock(&simulation.services.topic).received.is_empty(), "an event with the id of a forgotten job's");
    worker
}
