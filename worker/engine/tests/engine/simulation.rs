//! Everything at once, by a seed: whole histories in a world as loose as AWS's. What fails is printed with its seed, and
//! fails again with it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doorbell_engine::domain::{Phase, ProviderBuild, Row};
use doorbell_messages::Status;
use serde_json::{Value, json};

use crate::fakes::{Call, Dice, Weather, locked};
use crate::world::{Running, World, secs};

/// What a history came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tale {
    jobs: usize,
    builds: usize,
    deaths: u32,
    /// Every call of every worker, and when, as numbers.
    trace: Vec<u64>,
}

const PROJECTS: [&str; 4] = ["demo", "plain", "careful", "nowhere"];

async fn history(seed: u64) -> Tale {
    let mut dice = Dice::new(seed);
    let world = World::new();
    world.register("plain", json!({"reportTo": null}));
    world.register("careful", json!({"onUnknownStart": "stop", "buildProject": "deploys"}));
    loosen(&world, &mut dice);
    let mut fleet = Fleet { workers: Vec::new(), born: 0, storm: 1 + dice.below(4), deaths: 0 };
    for _ in 0..=dice.below(3) {
        fleet.hire(&world, &mut dice);
    }
    let mut published: Vec<Value> = Vec::new();
    let mut jobs = std::collections::BTreeSet::new();
    for _ in 0..4 + dice.below(8) {
        jobs.extend(publish(&world, &mut dice, &mut published));
        tokio::time::sleep(secs(dice.one_of(&[0, 0, 1, 20, 90, 400]))).await;
        fleet.replace_the_dead(&world, &mut dice);
    }
    tokio::time::sleep(secs(dice.one_of(&[0, 60, 1200]))).await;
    clear(&world);
    fleet.dismiss();
    let last = world.worker_of("last", 2);
    world.settle().await;
    for key in &jobs {
        assert!(locked(&world.shared.table).holds(key), "{key} was lost");
    }
    world.rows().iter().for_each(|row| is_true(&world, row));
    let workers = fleet.workers.iter().chain([&last]);
    Tale {
        jobs: jobs.len(),
        builds: locked(&world.shared.account).builds(world.shared.now()).len(),
        deaths: fleet.deaths,
        trace: workers.map(|worker| worker.process.trace()).collect(),
    }
}

/// As loose as AWS's documents allow, and a forge as bad as was seen.
fn loosen(world: &World, dice: &mut Dice) {
    let mut account = locked(&world.shared.account);
    account.rules.limit = dice.one_of(&[1, 2, 5, 20]);
    account.rules.list_lag = secs(dice.below(60));
    account.rules.start_time = dice.millis(3_000);
    account.loose = Some(dice.split());
    let mut table = locked(&world.shared.table);
    table.lag = dice.millis(10_000);
    table.page = dice.one_of(&[1, 3, 100]);
    for queue in [&world.shared.triggers, &world.shared.events] {
        *locked(&queue.loose) = Some(dice.split());
    }
    if dice.once_in(2) {
        locked(&world.shared.pagure).loose = Some(dice.split());
    }
}

fn clear(world: &World) {
    locked(&world.shared.account).loose = None;
    locked(&world.shared.account).rules.limit = 20;
    locked(&world.shared.pagure).loose = None;
    locked(&world.shared.pagure).next_is_late = None;
    for queue in [&world.shared.triggers, &world.shared.events] {
        *locked(&queue.loose) = None;
    }
}

/// Publishes a request, or one again, or a cancel of one; sometimes twice at once.
fn publish(world: &World, dice: &mut Dice, published: &mut Vec<Value>) -> Option<doorbell_messages::JobKey> {
    let request = match (dice.below(6), published.len()) {
        (0, before @ 1..) => published[dice.below(before as u64) as usize].clone(),
        (1, before @ 1..) => {
            let mut cancel = published[dice.below(before as u64) as usize].clone();
            cancel["action"] = json!("cancel");
            cancel
        }
        (_, before) => {
            let request = json!({"project": dice.one_of(&PROJECTS), "id": format!("job-{before}")});
            published.push(request.clone());
            request
        }
    };
    let (key, body) = world.message(request);
    for _ in 0..=dice.below(2) {
        world.shared.triggers.send(body.clone());
    }
    Some(key)
}

/// The workers of a history, the dead ones included.
struct Fleet {
    workers: Vec<Running>,
    born: u32,
    /// How bad the weather is.
    storm: u64,
    deaths: u32,
}

impl Fleet {
    fn hire(&mut self, world: &World, dice: &mut Dice) {
        self.born += 1;
        // Two versions at once: an older one leaves the rows of a newer one alone.
        let worker = world.worker_of(&format!("w{}", self.born), 1 + dice.below(2) as u32);
        worker.process.set_skew(dice.below(5_000) as i64 - 2_500);
        let calm = 400 / self.storm;
        let weather = Weather { fails: calm / 4, delays: calm / 2, pauses: calm, kills: calm, dice: dice.split() };
        worker.process.set_weather(Some(weather));
        self.workers.push(worker);
    }

    fn replace_the_dead(&mut self, world: &World, dice: &mut Dice) {
        let alive = self.workers.iter().filter(|worker| !worker.process.is_down_now()).count();
        self.deaths = self.born - alive as u32;
        if alive == 0 || (alive < 4 && dice.once_in(3)) {
            self.hire(world, dice);
        }
    }

    fn dismiss(&self) {
        self.workers.iter().for_each(|worker| worker.process.kill());
    }
}

/// What a row says of its job is what became of its build.
fn is_true(world: &World, row: &Row) {
    let Phase::Finished { ending, .. } = &row.phase else { return };
    if let Some(build) = world.own_builds(&row.key).first() {
        let is_unknown = ending.text.starts_with("unknown whether it started");
        let is_right = build.complete && ending.status == status_of(build);
        assert!(is_right || is_unknown, "{row:#?} of {build:#?}");
    }
}

fn status_of(build: &ProviderBuild) -> Status {
    match build.status.as_str() {
        "SUCCEEDED" => Status::Success,
        "FAILED" => Status::Failure,
        "STOPPED" => Status::Canceled,
        _ => Status::Error,
    }
}

fn run(seed: u64) -> Tale {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(history(seed))
}

fn seeds() -> std::ops::Range<u64> {
    match std::env::var("DOORBELL_SIM_SEEDS") {
        Ok(text) => text.split_once("..").map(|(from, to)| from.parse().unwrap()..to.parse().unwrap()).unwrap(),
        Err(_) => 0..50,
    }
}

#[test]
fn whatever_happens_there_is_one_build_a_job_and_its_true_flag() {
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let sums = [const { AtomicU64::new(0) }; 3];
    let broken = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match std::panic::catch_unwind(|| run(seed)) {
                        Ok(tale) => {
                            let told = [tale.jobs as u64, tale.builds as u64, u64::from(tale.deaths)];
                            sums.iter().zip(told).for_each(|(sum, more)| _ = sum.fetch_add(more, Ordering::Relaxed));
                        }
                        Err(_) => {
                            println!("seed {seed} is broken; again with: bin/simulate --seed {seed} --seeds 1");
                            locked(&broken).push(seed);
                        }
                    }
                }
            });
        }
    });
    let [jobs, builds, deaths] = sums.map(AtomicU64::into_inner);
    let broken = locked(&broken).clone();
    println!(
        "histories: {}, jobs: {jobs}, builds: {builds}, workers that died: {deaths}, broken: {}",
        seeds.end - seeds.start,
        broken.len()
    );
    assert_eq!(broken, [0u64; 0], "seeds of broken histories");
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
fn weather_reaches_every_call() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let process = crate::fakes::Process::new("x", 1);
        let never = u64::MAX;
        let weather = Weather { dice: Dice::new(1), fails: 1, delays: never, pauses: never, kills: never };
        process.set_weather(Some(weather));
        for call in Call::ALL {
            assert!(process.before(call).await.is_err());
            assert!(tokio::time::timeout(Duration::from_secs(1), process.after(call)).await.unwrap().is_err());
        }
    });
}
