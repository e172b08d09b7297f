//! Memory of one worker over many jobs. The simulation removes finished jobs, so that only the worker could grow.

use serde_json::json;

use crate::fakes::lock;
use crate::harness::Simulation;

/// Jobs that are published at once.
const BATCH_SIZE: u32 = 500;

/// Of those, requests for unregistered projects, each with a new name.
const UNKNOWN_PROJECTS_PER_BATCH: u32 = 5;

/// Jobs between two measurements.
const SAMPLE_INTERVAL: u32 = 10_000;

/// Jobs before the first measurement that counts: by then all caches and buffers have reached their size.
const WARMUP_JOBS: u32 = 20_000;

/// Bytes per job. A worker that kept something of each job would keep its key at least, which has some 60 bytes.
const MAX_BYTES_PER_JOB: f64 = 20.0;

fn resident_bytes() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

/// Bytes per job, by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let both: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    both / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

#[tokio::test(start_paused = true)]
#[ignore = "minutes: bin/simulate --memory"]
async fn worker_memory_does_not_grow_with_finished_jobs() {
    let jobs: u32 = std::env::var("DOORBELL_JOBS").map_or(100_000, |jobs| jobs.parse().unwrap());
    let simulation = Simulation::new();
    lock(&simulation.services.provider).behavior.build_limit = BATCH_SIZE as usize;
    let _worker = simulation.start_worker("a");
    let mut points = Vec::new();
    for done in (BATCH_SIZE..=jobs).step_by(BATCH_SIZE as usize) {
        for number in 0..BATCH_SIZE {
            let project = if number < UNKNOWN_PROJECTS_PER_BATCH {
                format!("stranger-{done}-{number}")
            } else {
                "demo".to_owned()
            };
            simulation.publish(json!({"project": project}));
        }
        simulation.wait_settled().await;
        clear_finished(&simulation);
        if done % SAMPLE_INTERVAL == 0 {
            let bytes = resident_bytes();
            println!("{done} jobs: {:.1} MB", bytes / 1e6);
            if done >= WARMUP_JOBS {
                points.push((f64::from(done), bytes));
            }
        }
    }
    let slope = slope(&points);
    println!("{slope:.1} bytes a job from {WARMUP_JOBS} jobs on");
    assert!(slope < MAX_BYTES_PER_JOB, "the worker grows");
}

/// Removes finished jobs as the ledger's TTL and the provider do, only sooner. The index catches up by itself.
fn clear_finished(simulation: &Simulation) {
    lock(&simulation.services.ledger).remove_finished();
    lock(&simulation.services.provider).remove_all_builds();
    lock(&simulation.services.forge).history.clear();
    assert!(simulation.rows().is_empty());
}
