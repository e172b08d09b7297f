//! Random runs by seed, with all faults that AWS's documents allow. A failing run prints its seed, which reproduces it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doorbell_engine::domain::Row;
use serde_json::{Value, json};

use crate::fakes::{FaultCounts, FaultProfile, PortCall, SeededRng, commit_id, lock};
use crate::harness::{RunningWorker, Simulation, secs};
use crate::order_oracle::check_order;
use crate::outcome_checks::{check_announced, check_final_status};
use crate::redrive::{redrive_after_expiry, redrive_late};
use crate::series_invariants::{PublishedRequest, check_series};

/// The result of one run.
#[derive(Debug, Default, PartialEq, Eq)]
struct SimulationResult {
    jobs: usize,
    builds: usize,
    deaths: u32,
    /// The random faults of all workers.
    faults: FaultCounts,
    /// Each call of each worker with its time, as numbers.
    trace: Vec<u64>,
}

const PROJECTS: [&str; 7] = ["demo", "plain", "careful", "hourly", "nowhere", "serial", "newest"];

/// Projects whose jobs of one ref have an order, which is their name. Half of the runs have no others.
const ORDERED: [&str; 2] = ["serial", "newest"];

async fn simulate(seed: u64) -> SimulationResult {
    let mut rng = SeededRng::new(seed);
    let mut simulation = Simulation::new();
    simulation.publishes_done_events = rng.once_in(2);
    simulation.register("plain", json!({"reportTo": null, "announce": "all"}));
    simulation.register("careful", json!({"onUnknownStart": "stop", "buildProject": "deploys", "announce": "none"}));
    simulation.register("hourly", json!({"maxJobsPerHour": 3}));
    simulation.max_builds = rng.once_in(4).then(|| 1 + rng.below(3) as u32);
    ORDERED.iter().for_each(|order| simulation.register(order, json!({"order": order})));
    randomize(&simulation, &mut rng);
    let mut fleet = SimulatedFleet { workers: Vec::new(), started: 0, fault_level: 1 + rng.below(4), deaths: 0 };
    for _ in 0..=rng.below(3) {
        fleet.start_worker(&simulation, &mut rng);
    }
    let projects = if rng.once_in(2) { &ORDERED[..] } else { &PROJECTS[..] };
    let mut published = Published::default();
    for _ in 0..4 + rng.below(8) {
        publish(&simulation, &mut rng, projects, &mut published);
        tokio::time::sleep(secs(rng.one_of(&[0, 0, 1, 20, 90, 400, 4000]))).await;
        fleet.replace_killed(&simulation, &mut rng);
    }
    tokio::time::sleep(secs(rng.one_of(&[0, 60, 1200]))).await;
    stop_faults(&simulation);
    fleet.kill_all();
    let last = simulation.start_worker_with_schema("last", Row::MAX_SCHEMA);
    simulation.wait_settled().await;
    let late = redrive_late(&simulation, &last, &published).await;
    ORDERED.iter().for_each(|order| check_order(&simulation, order, order));
    for request in &published.requests {
        assert!(lock(&simulation.services.ledger).contains(&request.series), "{} was lost", request.series);
    }
    check_series(&simulation, &published.requests);
    simulation.rows().iter().for_each(|row| check_final_status(&simulation, row));
    simulation.rows().iter().for_each(|row| check_announced(&simulation, row));
    let jobs = simulation.rows().len();
    let expired = redrive_after_expiry(&simulation, &late, &published).await;
    let mut faults = FaultCounts::default();
    fleet.workers.iter().for_each(|worker| faults.add(&worker.process.faults()));
    let workers = fleet.workers.iter().chain([&last, &late, &expired]);
    SimulationResult {
        jobs,
        builds: lock(&simulation.services.provider).builds(simulation.services.now()).len(),
        deaths: fleet.deaths,
        faults,
        trace: workers.map(|worker| worker.process.trace()).collect(),
    }
}

/// Queues and events as unreliable as AWS's documents allow, and a forge with all failures that were observed.
fn randomize(simulation: &Simulation, rng: &mut SeededRng) {
    let mut provider = lock(&simulation.services.provider);
    provider.behavior.build_limit = rng.one_of(&[1, 2, 5, 20]);
    provider.behavior.listing_lag = secs(rng.below(60));
    provider.behavior.start_time = rng.millis(3_000);
    provider.rng = Some(rng.fork());
    let mut table = lock(&simulation.services.ledger);
    table.index_lag = rng.millis(10_000);
    table.page_size = rng.one_of(&[1, 3, 100]);
    for queue in [&simulation.services.triggers, &simulation.services.events] {
        *lock(&queue.rng) = Some(rng.fork());
    }
    if rng.once_in(2) {
        lock(&simulation.services.topic).rng = Some(rng.fork());
    }
    if rng.once_in(2) {
        lock(&simulation.services.forge).rng = Some(rng.fork());
    }
}

fn stop_faults(simulation: &Simulation) {
    lock(&simulation.services.provider).rng = None;
    lock(&simulation.services.provider).behavior.build_limit = 20;
    lock(&simulation.services.forge).rng = None;
    lock(&simulation.services.forge).next_delay = None;
    lock(&simulation.services.topic).rng = None;
    for queue in [&simulation.services.triggers, &simulation.services.events] {
        *lock(&queue.rng) = None;
    }
}

/// The requests of one run.
#[derive(Default)]
pub struct Published {
    words: Vec<Value>,
    pub requests: Vec<PublishedRequest>,
    /// Messages that were published and went to a dead-letter queue before any worker received them.
    pub twins: Vec<String>,
}

/// Publishes a new request, the words of an earlier one again, or a cancel request; sometimes twice at once.
fn publish(simulation: &Simulation, rng: &mut SeededRng, projects: &[&str], published: &mut Published) {
    let request = match (rng.below(8), published.words.len()) {
        (0..=2, before @ 1..) => published.words[rng.below(before as u64) as usize].clone(),
        (3..=4, before @ 1..) => {
            let mut cancel = published.words[rng.below(before as u64) as usize].clone();
            cancel["action"] = json!("cancel");
            cancel
        }
        (_, before) => {
            let mut request = json!({"project": rng.one_of(projects), "id": format!("job-{before}")});
            if ["demo", "plain"].iter().any(|project| request["project"] == *project) && rng.once_in(2) {
                request["commit"] = Value::Null;
            }
            if ORDERED.iter().any(|order| request["project"] == *order) {
                // In any order of publishing, and sometimes the same one again.
                request["commit"] = json!(commit_id(1 + rng.below(6)));
            }
            published.words.push(request.clone());
            request
        }
    };
    if rng.once_in(8) {
        simulation.services.triggers.send("no envelope".to_owned());
    }
    let (_, body) = simulation.request_message(request);
    let request = PublishedRequest::new(body.clone());
    if published.requests.iter().any(|earlier| earlier.series == request.series) && rng.once_in(6) {
        published.twins.push(body);
        return;
    }
    published.requests.push(request);
    for _ in 0..=rng.below(2) {
        simulation.services.triggers.send(body.clone());
    }
}

/// The workers of one run, the killed ones included.
struct SimulatedFleet {
    workers: Vec<RunningWorker>,
    started: u32,
    /// Faults of the workers to come.
    fault_level: u64,
    deaths: u32,
}

impl SimulatedFleet {
    fn start_worker(&mut self, simulation: &Simulation, rng: &mut SeededRng) {
        self.started += 1;
        // Two versions at once: an older worker skips the rows of a newer one.
        let worker = simulation
            .start_worker_with_schema(&format!("w{}", self.started), 1 + rng.below(u64::from(Row::MAX_SCHEMA)) as u32);
        worker.process.set_skew(rng.below(5_000) as i64 - 2_500);
        let calm = 1600 / self.fault_level;
        let profile = FaultProfile {
            fail_one_in: calm / 4,
            delay_one_in: calm / 2,
            pause_one_in: calm,
            kill_one_in: calm,
            rng: rng.fork(),
        };
        worker.process.set_fault_profile(Some(profile));
        self.workers.push(worker);
    }

    fn replace_killed(&mut self, simulation: &Simulation, rng: &mut SeededRng) {
        let alive = self.workers.iter().filter(|worker| !worker.process.is_killed()).count();
        self.deaths = self.started - alive as u32;
        if alive == 0 || (alive < 4 && rng.once_in(3)) {
            self.start_worker(simulation, rng);
        }
    }

    fn kill_all(&self) {
        self.workers.iter().for_each(|worker| worker.process.kill());
    }
}

fn run(seed: u64) -> SimulationResult {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(simulate(seed))
}

fn seeds() -> std::ops::Range<u64> {
    match std::env::var("DOORBELL_SIM_SEEDS") {
        Ok(text) => text.split_once("..").map(|(from, to)| from.parse().unwrap()..to.parse().unwrap()).unwrap(),
        Err(_) => 0..50,
    }
}

#[test]
fn random_faults_yield_one_build_and_correct_status() {
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let sums = [const { AtomicU64::new(0) }; 3];
    let (broken, faults) = (std::sync::Mutex::new(Vec::new()), std::sync::Mutex::new(FaultCounts::default()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match std::panic::catch_unwind(|| run(seed)) {
                        Ok(result) => {
                            lock(&faults).add(&result.faults);
                            let counts = [result.jobs as u64, result.builds as u64, u64::from(result.deaths)];
                            sums.iter().zip(counts).for_each(|(sum, more)| _ = sum.fetch_add(more, Ordering::Relaxed));
                        }
                        Err(_) => {
                            println!("seed {seed} failed; reproduce it with: bin/simulate --seed {seed} --seeds 1");
                            lock(&broken).push(seed);
                        }
                    }
                }
            });
        }
    });
    let [jobs, builds, deaths] = sums.map(AtomicU64::into_inner);
    let broken = lock(&broken).clone();
    print!("{}", lock(&faults));
    println!(
        "histories: {}, jobs: {jobs}, builds: {builds}, workers that died: {deaths}, broken: {}",
        seeds.end - seeds.start,
        broken.len()
    );
    assert_eq!(broken, [0u64; 0], "seeds of failed runs");
}

#[test]
fn a_seed_replays_exactly() {
    for seed in [1, 7, 23] {
        let (first, second) = (run(seed), run(seed));
        assert_eq!(first, second, "seed {seed}");
        assert_ne!(first.trace, run(seed + 1).trace);
    }
}

#[test]
fn fault_profile_reaches_every_port_call() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let process = crate::fakes::SimulatedProcess::new("x", 1);
        let never = u64::MAX;
        let profile = FaultProfile {
            rng: SeededRng::new(1),
            fail_one_in: 1,
            delay_one_in: never,
            pause_one_in: never,
            kill_one_in: never,
        };
        process.set_fault_profile(Some(profile));
        for call in PortCall::ALL {
            assert!(process.before(call).await.is_err());
            assert!(tokio::time::timeout(Duration::from_secs(1), process.after(call)).await.unwrap().is_err());
        }
    });
}
