//! What one worker weighs after ever more jobs. The world forgets what is over, so that only the worker could grow.

use serde_json::json;

use crate::fakes::locked;
use crate::world::World;

/// Jobs that are published at once.
const BATCH: u32 = 500;

/// Of those, requests for a project that nobody registered, under a name that comes once.
const STRANGERS: u32 = 5;

/// Jobs between two looks.
const LOOK: u32 = 10_000;

/// Jobs before the first look that counts: by then everything has been as full as it gets.
const WARM: u32 = 20_000;

/// Bytes a job. What a worker kept of each job would be more than its key, and that has some 60.
const FLAT: f64 = 20.0;

fn resident_bytes() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

/// Bytes a job, by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let both: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    both / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

#[tokio::test(start_paused = true)]
#[ignore = "minutes: bin/simulate --memory"]
async fn a_worker_s_memory_does_not_grow_with_the_jobs_it_has_done() {
    let jobs: u32 = std::env::var("DOORBELL_JOBS").map_or(100_000, |jobs| jobs.parse().unwrap());
    let world = World::new();
    locked(&world.shared.account).rules.limit = BATCH as usize;
    let _worker = world.worker("a");
    let mut points = Vec::new();
    for done in (BATCH..=jobs).step_by(BATCH as usize) {
        for number in 0..BATCH {
            let project = if number < STRANGERS { format!("stranger-{done}-{number}") } else { "demo".to_owned() };
            world.publish(json!({"project": project}));
        }
        world.settle().await;
        forget(&world);
        if done % LOOK == 0 {
            let bytes = resident_bytes();
            println!("{done} jobs: {:.1} MB", bytes / 1e6);
            if done >= WARM {
                points.push((f64::from(done), bytes));
            }
        }
    }
    let slope = slope(&points);
    println!("{slope:.1} bytes a job from {WARM} jobs on");
    assert!(slope < FLAT, "the worker grows");
}

/// As the ledger's TTL and the provider do, only sooner. The index, which lags, forgets by itself.
fn forget(world: &World) {
    locked(&world.shared.table).forget_what_rests();
    locked(&world.shared.account).forget_all();
    locked(&world.shared.pagure).history.clear();
    assert!(world.rows().is_empty());
}
