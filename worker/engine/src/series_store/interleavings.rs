//! Every interleaving of the ledger calls of some messages of one series, with a crash before any of them.
//!
//! The real code runs on a ledger that interrupts it before each call. Then what was not acked is delivered again, as
//! well as what was, and each request must have its job.

use std::collections::BTreeSet;
use std::time::Duration;

use Actor::{Cancel, Refuse, Take};

use super::tests::{first_row, incoming, refused};
use super::*;
use crate::admission::AdmissionController;
use crate::domain::{CountOutcome, DesiredState, HourlyCount, Observation, PolicyLookup, SourceMessage};
use crate::drive::{Driver, JobDriver};
use crate::ports::{BuildSlots, Cursor, DuePage, InsertOutcome, JobCounter, UpdateOutcome};
use crate::slot_keeper::SlotKeeper;
use crate::stubs::{
    ClockStub, EffectsStub, LedgerStub, NOW, Process, Schedule, advance, config, interrupt, run_to_end,
};
use crate::turn_keeper::TurnKeeper;

const MINUTE: Duration = Duration::from_secs(60);
const WINDOW: Duration = Duration::from_secs(60 * 60);

/// A ledger whose caller can be interrupted before each call.
#[derive(Debug, Clone)]
struct SteppedLedger(LedgerStub);

impl JobLedger for SteppedLedger {
    async fn insert(&self, rows: &[Row]) -> Vec<Result<InsertOutcome, PortError>> {
        interrupt().await;
        self.0.insert(rows).await
    }

    async fn load(&self, keys: &[JobKey]) -> Vec<Result<Option<Row>, LoadError>> {
        interrupt().await;
        self.0.load(keys).await
    }

    async fn update(&self, rows: &[Row]) -> Vec<Result<UpdateOutcome, PortError>> {
        interrupt().await;
        self.0.update(rows).await
    }

    async fn due(&self, shard: u8, now: Timestamp, after: Option<Cursor>) -> Result<DuePage, PortError> {
        self.0.due(shard, now, after).await
    }
}

impl JobCounter for SteppedLedger {
    async fn count(&self, count: &HourlyCount, max_jobs: u32) -> CountOutcome {
        interrupt().await;
        self.0.count(count, max_jobs).await
    }
}

/// The installation's builds are not limited here.
impl BuildSlots for SteppedLedger {
    async fn take(&self, job: &JobKey, max: u32) -> Result<bool, PortError> {
        self.0.take(job, max).await
    }

    async fn release(&self, jobs: &[JobKey]) -> Result<(), PortError> {
        self.0.release(jobs).await
    }

    async fn holders(&self) -> Result<Vec<JobKey>, PortError> {
        self.0.holders().await
    }
}

/// What one worker does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Actor {
    /// Takes the start message `m<number>`, published after so many minutes.
    Take(u32, u64),
    /// Handles a cancel that was published after so many minutes.
    Cancel(u64),
    /// Ends the series' first job as rejected.
    Refuse,
}

/// The rows before the actors begin, and the actors.
struct Scenario {
    rows: Vec<Row>,
    actors: Vec<Actor>,
    crashes: usize,
}

fn message(number: u32, minutes: u64) -> IncomingRequest {
    incoming(&format!("m{number}"), u32::try_from(minutes).unwrap() * MINUTE)
}

/// The first row, which remembers a repeat.
fn repeated(number: u32, minutes: u64) -> Row {
    match message(number, minutes).relation_to(&first_row(), true) {
        Relation::Repeat(row) => *row,
        relation => panic!("no repeat: {relation:?}"),
    }
}

fn process(ledger: &LedgerStub, actor: Actor, name: String) -> Process {
    let rows = Arc::new(RowStore::new(SteppedLedger(ledger.clone()), name));
    Box::pin(async move {
        match actor {
            Take(number, minutes) => {
                SeriesStore::new(rows).take(&message(number, minutes), NOW, true).await.unwrap();
            }
            Cancel(minutes) => {
                let mut cancel = first_row();
                let sent_at = NOW + u32::try_from(minutes).unwrap() * MINUTE;
                cancel.message = SourceMessage { id: format!("c{minutes}"), sent_at };
                SeriesStore::new(rows).cancel(&cancel, &first_row().key, NOW).await.unwrap();
            }
            Refuse => reject(rows, &first_row().key).await,
        }
    })
}

/// Ends a job as rejected, with what follows from it.
async fn reject<L: JobLedger + JobCounter + BuildSlots + 'static>(rows: Arc<RowStore<L>>, key: &JobKey) {
    let Some(row) = rows.load(key).await.unwrap() else { return };
    let clock = ClockStub(Some(NOW));
    let admission = Arc::new(AdmissionController::new(clock, config()));
    let turns = TurnKeeper::new(Arc::clone(&rows), LedgerStub::default(), clock, Arc::default());
    let slots = SlotKeeper::new(Arc::clone(&rows), None);
    let driver = Driver::new(rows, clock, admission, EffectsStub::new([]), turns, slots, Arc::default());
    let observation =
        if row.is_over() { Observation::Due } else { Observation::PolicyRead(PolicyLookup::NotRegistered) };
    driver.drive(Row { phase_due_at: Some(NOW), ..row }, observation, None).await;
}

fn run(scenario: &Scenario, schedule: &mut Schedule) -> LedgerStub {
    let ledger = LedgerStub::default();
    scenario.rows.iter().for_each(|row| ledger.put(row));
    let start = |(number, actor): (usize, &Actor)| process(&ledger, *actor, format!("w{number}"));
    let mut alive: Vec<Process> = scenario.actors.iter().enumerate().map(start).collect();
    let mut crashes = scenario.crashes;
    while !alive.is_empty() {
        let choice = schedule.choose(alive.len() * if crashes > 0 { 2 } else { 1 });
        let index = choice % alive.len();
        if choice >= alive.len() {
            crashes -= 1;
            drop(alive.remove(index));
        } else if advance(&mut alive[index]) {
            drop(alive.remove(index));
        }
    }
    // Twice: what was acked may be delivered again, too.
    for round in ["again", "once-more"] {
        for (number, actor) in scenario.actors.iter().enumerate() {
            run_to_end(process(&ledger, *actor, format!("{round}-{number}")));
        }
        end_what_is_due(&ledger, round);
    }
    ledger
}

/// Ends canceled jobs, and promotes what is to be promoted, as the sweep does.
fn end_what_is_due(ledger: &LedgerStub, round: &str) {
    for row in ledger.rows() {
        if row.repeat.is_some() && (row.is_over() || row.desired == DesiredState::Cancel) {
            let rows = Arc::new(RowStore::new(SteppedLedger(ledger.clone()), format!("{round}-{}", row.key)));
            run_to_end(Box::pin(async move { reject(rows, &row.key).await }));
        }
    }
}

fn check(scenario: &Scenario, ledger: &LedgerStub, choices: &[usize]) {
    let describe = || format!("{:?}, choices {choices:?}: {:#?}", scenario.actors, ledger.rows());
    let cancels = scenario.actors.iter().filter_map(|actor| match actor {
        Cancel(minutes) => Some(NOW + u32::try_from(*minutes).unwrap() * MINUTE),
        _ => None,
    });
    let canceled_at = cancels.max();
    let rows = ledger.rows();
    let live: Vec<&Row> = rows.iter().filter(|row| !row.is_over() && row.desired == DesiredState::Run).collect();
    let distance = |a: Timestamp, b: Timestamp| a.duration_since(b).max(b.duration_since(a));
    for actor in &scenario.actors {
        let Take(number, minutes) = actor else { continue };
        let message = message(*number, *minutes).message;
        if canceled_at.is_some_and(|at| at >= message.sent_at) {
            assert!(live.iter().all(|row| row.message != message), "{message:?} was canceled: {}", describe());
        } else {
            let answers = |row: &&Row| distance(row.message.sent_at, message.sent_at) <= WINDOW;
            assert!(live.iter().any(answers), "{message:?} was swallowed: {}", describe());
        }
    }
    if canceled_at.is_none() && !rows.iter().any(Row::is_refused) {
        for (index, a) in live.iter().enumerate() {
            let is_near = |b: &&Row| distance(a.message.sent_at, b.message.sent_at) <= WINDOW;
            assert!(!live[index + 1..].iter().any(is_near), "one step is two jobs: {}", describe());
        }
    }
    let messages: BTreeSet<&String> = rows.iter().map(|row| &row.message.id).collect();
    assert_eq!(messages.len(), rows.len(), "one message made two jobs: {}", describe());
    assert!(rows.iter().all(|row| !row.is_over() || row.repeat.is_none()), "a repeat waits: {}", describe());
}

fn explore(rows: Vec<Row>, actors: &[Actor], crashes: usize) {
    let scenario = Scenario { rows, actors: actors.to_vec(), crashes };
    let mut schedule = Some(Schedule::default());
    let mut runs = 0;
    while let Some(mut current) = schedule {
        let ledger = run(&scenario, &mut current);
        check(&scenario, &ledger, current.choices());
        runs += 1;
        schedule = current.next();
    }
    println!("{actors:?}, crashes {crashes}: {runs} interleavings");
    assert!(runs > 1, "the search has seen next to nothing");
}

#[test]
fn every_interleaving_of_two_publishers_has_one_job() {
    explore(Vec::new(), &[Take(1, 0), Take(2, 1)], 1);
    explore(vec![first_row()], &[Take(2, 1), Take(3, 2)], 1);
    explore(vec![first_row()], &[Take(2, 90)], 1);
    explore(vec![first_row()], &[Take(2, 90), Take(3, 91)], 0);
    let listed = first_row().with_later_job(&message(2, 90).message);
    explore(vec![listed], &[Take(2, 90), Take(3, 91)], 0);
}

#[test]
fn every_interleaving_with_a_refusal_has_the_next_job() {
    explore(vec![refused(&first_row())], &[Take(2, 1), Take(3, 2)], 0);
    explore(vec![first_row()], &[Take(2, 1), Refuse], 1);
}

#[test]
fn every_interleaving_with_a_cancel_keeps_what_is_younger() {
    explore(Vec::new(), &[Take(1, 0), Cancel(10)], 1);
    explore(Vec::new(), &[Cancel(10), Take(2, 20)], 1);
    explore(vec![first_row()], &[Take(2, 5), Cancel(10)], 1);
    explore(vec![first_row()], &[Take(2, 90), Cancel(120)], 1);
    explore(vec![first_row()], &[Take(2, 90), Cancel(80)], 1);
    explore(vec![repeated(2, 5)], &[Cancel(10), Take(3, 20)], 1);
    explore(vec![repeated(3, 20)], &[Cancel(10), Refuse], 0);
}
