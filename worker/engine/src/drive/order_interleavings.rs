//! Every interleaving of two workers that handle jobs of one ref, with a crash after any write.
//!
//! The real driver, decisions and turns run on a ledger and a provider that interrupt them before each call. A worker
//! does what follows from the replies that it had. So a state is the ledger, the builds, and the replies of the workers
//! that live; one that was reached before is not searched again.

mod world;

use std::collections::{BTreeSet, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use doorbell_messages::{CommitId, JobKey};
use doorbell_registry::OrderRule;

use super::*;
use crate::stubs::{ClockStub, LedgerStub, NOW, Process, Schedule, advance, config, ordered_launch, row, run_to_end};
use crate::wake_queue::WakeQueue;
use world::{WorkerPorts, World, digest};

/// The jobs of one ref, by the order of publishing, and the jobs that each worker handles.
#[derive(Debug, Clone)]
struct Scenario {
    order: OrderRule,
    /// The age of each job's commit: a higher number is newer.
    commits: Vec<u32>,
    /// Jobs, by their place from 1, that wait behind the first one, whose build runs. With none, no job has started.
    waiting: Vec<usize>,
    /// The jobs of each worker.
    workers: Vec<Vec<usize>>,
    crashes: usize,
}

fn commit(age: u32) -> CommitId {
    format!("{age:040x}").parse().unwrap()
}

impl Scenario {
    fn jobs(&self) -> Vec<Row> {
        let numbers = (1..).zip(&self.commits);
        numbers
            .map(|(number, age)| {
                let mut row = row(number);
                row.message.sent_at = NOW + Duration::from_secs(number.into());
                row.request.commit = Some(commit(*age));
                let launch = ordered_launch(self.order);
                row.phase = Phase::Accepted { launch, attempt: 1, waiting: None, turn: None };
                row
            })
            .collect()
    }
}

/// Handles these jobs, one after the other, and those that they wake.
async fn work(ports: WorkerPorts, name: String, jobs: Vec<JobKey>) {
    let clock = ClockStub(Some(NOW));
    let wake_queue = Arc::<WakeQueue>::default();
    let rows = Arc::new(RowStore::new(ports.clone(), name));
    let turns = TurnKeeper::new(Arc::clone(&rows), ports.clone(), clock, Arc::clone(&wake_queue));
    let admission = Arc::new(AdmissionController::new(clock, config()));
    let driver = Driver::new(
        Arc::clone(&rows),
        clock,
        admission,
        ports.clone(),
        turns,
        SlotKeeper::new(Arc::clone(&rows), None),
        Arc::default(),
    );
    let mut tasks: VecDeque<(JobKey, Observation)> = jobs.into_iter().map(|key| (key, Observation::Due)).collect();
    while let Some((key, observation)) = tasks.pop_front() {
        // What it waits for, and then the end of its build.
        for observation in [observation, Observation::Due] {
            ports.world().note_tasks(ports.worker, &(&key, &observation, &tasks));
            let Some(row) = rows.load(&key).await.unwrap().filter(|row| !row.is_over()) else { break };
            driver.drive(Row { phase_due_at: Some(NOW), ..row }, observation, None).await;
            tasks.extend(std::iter::from_fn(|| wake_queue.pop()).map(|key| (key, Observation::TurnReleased)));
        }
    }
}

struct Search {
    scenario: Scenario,
    seen: HashSet<u64>,
    runs: usize,
    ends: BTreeSet<Vec<String>>,
}

impl Search {
    fn run(&mut self, schedule: &mut Schedule) {
        let jobs = self.scenario.jobs();
        let (ledger, world) = (LedgerStub::default(), Arc::<Mutex<World>>::default());
        jobs.iter().for_each(|row| ledger.put(row));
        let ports = || {
            let worker = world.lock().unwrap().add_worker();
            WorkerPorts { ledger: ledger.clone(), world: Arc::clone(&world), worker }
        };
        if !self.scenario.waiting.is_empty() {
            let waiting = self.scenario.waiting.iter().map(|place| jobs[place - 1].key.clone());
            start_first(&jobs[0].key, waiting.collect(), &ports());
        }
        let mut alive: Vec<(usize, Process)> = Vec::new();
        for places in &self.scenario.workers {
            let ports = ports();
            let worker = ports.worker;
            let keys = places.iter().map(|place| jobs[place - 1].key.clone()).collect();
            let mut process: Process = Box::pin(work(ports, format!("w{worker}"), keys));
            // To its first call.
            advance(&mut process);
            alive.push((worker, process));
        }
        let mut crashes = self.scenario.crashes;
        loop {
            if schedule.is_past_its_prefix() && !self.seen.insert(state(&world.lock().unwrap(), &alive, crashes)) {
                return;
            }
            if alive.is_empty() {
                break;
            }
            let wrote_last: Vec<bool> =
                alive.iter().map(|(worker, _)| world.lock().unwrap().wrote_last[*worker]).collect();
            let mortal: Vec<usize> = (0..alive.len()).filter(|index| crashes > 0 && wrote_last[*index]).collect();
            let choice = schedule.choose(alive.len() + mortal.len());
            if let Some(index) = choice.checked_sub(alive.len()).map(|place| mortal[place]) {
                crashes -= 1;
                drop(alive.remove(index));
            } else if advance(&mut alive[choice].1) {
                drop(alive.remove(choice));
            }
        }
        sweep(&jobs, &ports());
        self.check(&ledger, &world.lock().unwrap(), schedule.choices());
    }

    fn check(&mut self, ledger: &LedgerStub, world: &World, choices: &[usize]) {
        let describe = || format!("{:?}, choices {choices:?}: {:#?}", self.scenario, ledger.rows());
        assert!(ledger.rows().iter().all(Row::is_over), "a job is stuck: {}", describe());
        let ran: Vec<String> =
            world.commands.iter().map(|commit| commit.as_str().trim_start_matches('0').to_owned()).collect();
        let mut expected: Vec<String> = self.scenario.commits.iter().map(|age| format!("{age:x}")).collect();
        expected.sort();
        if self.scenario.order == OrderRule::Newest {
            assert!(ran.is_sorted(), "an older commit after a newer one: {ran:?}, {}", describe());
            assert_eq!(ran.last(), expected.last(), "the newest commit was not built: {}", describe());
        } else {
            let mut sorted = ran.clone();
            sorted.sort();
            assert_eq!(sorted, expected, "{}", describe());
        }
        self.ends.insert(ran);
    }
}

fn state(world: &World, alive: &[(usize, Process)], crashes: usize) -> u64 {
    let workers: Vec<(usize, u64)> = alive.iter().map(|(worker, _)| (*worker, world.replies[*worker])).collect();
    digest(&(&world.versions, workers, crashes))
}

/// Starts the build of a job by a worker that dies then, and lets others wait for it.
fn start_first(first: &JobKey, waiting: Vec<JobKey>, ports: &WorkerPorts) {
    let mut process: Process = Box::pin(work(ports.clone(), "first".to_owned(), vec![first.clone()]));
    while !matches!(ports.ledger.row(first).unwrap().phase, Phase::Running { .. }) {
        assert!(!advance(&mut process), "the first job does not start");
    }
    run_to_end(Box::pin(work(ports.clone(), "waiting".to_owned(), waiting)));
}

/// Does what the due times of the jobs bring about, when no other worker lives.
fn sweep(jobs: &[Row], ports: &WorkerPorts) {
    for round in 0..=jobs.len() {
        for job in jobs {
            let name = format!("sweep{round}-{}", job.message.id);
            run_to_end(Box::pin(work(ports.clone(), name, vec![job.key.clone()])));
        }
    }
}

fn explore(order: OrderRule, commits: &[u32], waiting: &[usize], workers: &[&[usize]], crashes: usize) {
    let workers = workers.iter().map(|jobs| jobs.to_vec()).collect();
    let scenario = Scenario { order, commits: commits.to_vec(), waiting: waiting.to_vec(), workers, crashes };
    let mut search = Search { scenario, seen: HashSet::new(), runs: 0, ends: BTreeSet::new() };
    let mut schedule = Some(Schedule::default());
    while let Some(mut current) = schedule {
        search.run(&mut current);
        search.runs += 1;
        schedule = current.next();
    }
    println!("{:?}: {} states, {} runs, commands {:?}", search.scenario, search.seen.len(), search.runs, search.ends);
    assert!(search.seen.len() > 100, "the search has seen next to nothing");
}

#[test]
fn every_interleaving_of_two_jobs_keeps_the_order() {
    explore(OrderRule::Serial, &[2, 1], &[], &[&[1], &[2]], 1);
    explore(OrderRule::Newest, &[1, 2], &[], &[&[1], &[2]], 1);
    explore(OrderRule::Newest, &[2, 1], &[], &[&[1], &[2]], 1);
}

#[test]
fn every_interleaving_on_one_job_starts_it_once() {
    explore(OrderRule::Serial, &[1, 2], &[], &[&[1], &[1]], 1);
}

#[test]
fn every_interleaving_of_three_jobs_keeps_the_order() {
    explore(OrderRule::Serial, &[1, 2, 3], &[3], &[&[1], &[2]], 0);
    explore(OrderRule::Newest, &[1, 3, 2], &[3], &[&[1], &[2]], 0);
}
