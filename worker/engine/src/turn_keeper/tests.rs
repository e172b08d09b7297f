use std::time::Duration;

use doorbell_messages::{CommitId, JobKey, Status};

use super::*;
use crate::domain::{CommandRan, FinalResult, Phase};
use crate::stubs::{ClockStub, LedgerStub, NOW, WriteFault, ordered_launch, row};

fn commit(number: u32) -> CommitId {
    format!("{number:040x}").parse().unwrap()
}

/// An accepted job of an order: the higher the number, the later it was published.
fn job(number: u32, order: OrderRule) -> Row {
    let mut row = row(number);
    row.message.sent_at = NOW + Duration::from_secs(number.into());
    row.request.commit = Some(commit(number));
    row.phase = Phase::Accepted { launch: ordered_launch(order), attempt: 1, waiting: None, turn: None };
    row
}

fn ended(row: &Row, command_ran: CommandRan, not_older_than: &[u32]) -> Row {
    let result =
        FinalResult { status: Status::Success, message: String::new(), at: NOW, command_ran: Some(command_ran) };
    let not_older_than = not_older_than.iter().map(|number| commit(*number)).collect();
    Row { phase: Phase::Finished { result, build: None, not_older_than }, ..row.clone() }
}

struct Keeper {
    ledger: LedgerStub,
    turns: TurnKeeper<LedgerStub, LedgerStub, ClockStub>,
    wake_queue: Arc<WakeQueue>,
    order: OrderRule,
}

impl Keeper {
    /// A scope in which these jobs have taken their turns, in this order.
    async fn new(order: OrderRule, jobs: &[u32]) -> Self {
        let ledger = LedgerStub::default();
        let wake_queue = Arc::<WakeQueue>::default();
        let rows = Arc::new(RowStore::new(ledger.clone(), "a"));
        let turns = TurnKeeper::new(rows, ledger.clone(), ClockStub(Some(NOW)), Arc::clone(&wake_queue));
        let keeper = Self { ledger, turns, wake_queue, order };
        for number in jobs {
            keeper.take(*number).await;
        }
        keeper
    }

    async fn take(&self, number: u32) -> TurnOutcome {
        let job = job(number, self.order);
        if self.ledger.row(&job.key).is_none() {
            self.ledger.put(&job);
        }
        self.turns.take(&job).await
    }

    fn end(&self, number: u32, command_ran: CommandRan, not_older_than: &[u32]) {
        self.ledger.put(&ended(&job(number, self.order), command_ran, not_older_than));
    }

    async fn release(&self, number: u32) {
        self.turns.release(&job(number, self.order), self.order).await;
    }

    fn woken(&self) -> Vec<JobKey> {
        std::iter::from_fn(|| self.wake_queue.pop()).collect()
    }
}

fn key(number: u32) -> JobKey {
    row(number).key
}

fn granted(commits: &[u32]) -> TurnOutcome {
    TurnOutcome::Granted(commits.iter().map(|number| commit(*number)).collect())
}

fn waiting(behind: u32, is_next: bool) -> TurnOutcome {
    TurnOutcome::Waiting { behind: Some(key(behind)), is_next }
}

#[tokio::test]
async fn first_job_holds_the_ref_and_the_others_wait() {
    let keeper = Keeper::new(OrderRule::Serial, &[]).await;
    assert_eq!(keeper.take(2).await, granted(&[]));
    assert_eq!(keeper.take(3).await, waiting(2, true));
    assert_eq!(keeper.take(1).await, waiting(2, true), "an earlier one comes before a later one");
    assert_eq!(keeper.take(3).await, waiting(2, false));
    assert_eq!(keeper.take(2).await, granted(&[]), "again, as after a crash");
    assert!(keeper.woken().is_empty());
}

#[tokio::test]
async fn serial_release_wakes_the_earliest_and_newest_the_latest() {
    for (order, expected) in [(OrderRule::Serial, 2), (OrderRule::Newest, 4)] {
        let keeper = Keeper::new(order, &[1, 3, 2, 4]).await;
        keeper.end(1, CommandRan::Yes, &[]);
        keeper.release(1).await;
        assert_eq!(keeper.woken(), [key(expected)]);
        assert!(matches!(keeper.take(expected).await, TurnOutcome::Granted(_)));
    }
}

#[tokio::test]
async fn release_wakes_nobody_while_the_holder_is_live() {
    let keeper = Keeper::new(OrderRule::Serial, &[1, 2, 3]).await;
    keeper.end(2, CommandRan::No, &[]);
    keeper.release(2).await;
    assert!(keeper.woken().is_empty());
    assert_eq!(keeper.take(3).await, waiting(1, true));
}

#[tokio::test]
async fn newest_is_compared_with_the_built_commit_and_all_that_wait() {
    let keeper = Keeper::new(OrderRule::Newest, &[1, 2, 3, 4]).await;
    keeper.end(1, CommandRan::Yes, &[]);
    assert_eq!(keeper.take(4).await, granted(&[1, 3, 2]));
    let mut rollback = job(4, OrderRule::Newest);
    rollback.request.allow_older = true;
    assert_eq!(keeper.turns.take(&rollback).await, granted(&[]));
}

#[tokio::test]
async fn earlier_job_is_superseded_by_a_build_compared_with_it() {
    let keeper = Keeper::new(OrderRule::Newest, &[4, 2, 3]).await;
    keeper.end(4, CommandRan::Yes, &[3]);
    keeper.release(4).await;
    assert_eq!(keeper.woken(), [key(2), key(3)], "the next one, and the superseded one");
    assert_eq!(keeper.take(3).await, TurnOutcome::Superseded(key(4)));
    // Job 2 came after the claim: no build has been compared with its commit.
    assert_eq!(keeper.take(2).await, granted(&[4]));
    // A later job is not superseded, also if its commit is older.
    assert_eq!(keeper.take(5).await, waiting(2, true));
}

#[tokio::test]
async fn rerun_of_the_built_commit_is_not_superseded() {
    let keeper = Keeper::new(OrderRule::Newest, &[4]).await;
    keeper.end(4, CommandRan::Yes, &[]);
    let mut rerun = job(5, OrderRule::Newest);
    rerun.request.commit = Some(commit(4));
    keeper.ledger.put(&rerun);
    assert_eq!(keeper.turns.take(&rerun).await, granted(&[]));
}

#[tokio::test]
async fn job_whose_command_did_not_run_supersedes_nobody() {
    let keeper = Keeper::new(OrderRule::Newest, &[4, 3]).await;
    keeper.end(4, CommandRan::No, &[3]);
    assert_eq!(keeper.take(3).await, granted(&[]));
}

#[tokio::test]
async fn doubtful_end_adds_a_commit_and_supersedes_no_job() {
    let keeper = Keeper::new(OrderRule::Newest, &[2]).await;
    keeper.end(2, CommandRan::Yes, &[]);
    for number in [4, 3] {
        keeper.take(number).await;
    }
    // Stopped, perhaps before its build was compared with the commit that was built and the one that waits.
    keeper.end(4, CommandRan::Maybe, &[2, 3]);
    keeper.release(4).await;
    assert_eq!(keeper.take(3).await, granted(&[2, 4]));
    keeper.end(3, CommandRan::Yes, &[2, 4]);
    assert_eq!(keeper.take(5).await, granted(&[3]), "a command that ran was compared with all of them");
}

#[tokio::test]
async fn deleted_row_of_the_holder_frees_the_ref() {
    let keeper = Keeper::new(OrderRule::Newest, &[2]).await;
    keeper.ledger.remove(&key(2));
    assert_eq!(keeper.take(3).await, granted(&[2]), "its command may have run");
}

#[tokio::test]
async fn quarantined_holder_keeps_the_ref_once_it_has_started() {
    let quarantined = |row: Row| Row { quarantined: Some("why".to_owned()), ..row };
    let keeper = Keeper::new(OrderRule::Serial, &[1, 2]).await;
    let started = Phase::Starting {
        launch: ordered_launch(OrderRule::Serial),
        attempt: 1,
        first_sent_at: NOW,
        last_sent_at: NOW,
        start_calls: 1,
    };
    keeper.ledger.put(&quarantined(Row { phase: started, ..job(1, OrderRule::Serial) }));
    assert_eq!(keeper.take(2).await, waiting(1, true));
    keeper.ledger.put(&quarantined(job(1, OrderRule::Serial)));
    assert_eq!(keeper.take(2).await, granted(&[]));
}

#[tokio::test]
async fn holder_of_a_newer_schema_keeps_the_ref() {
    let keeper = Keeper::new(OrderRule::Serial, &[1]).await;
    keeper.ledger.set_newer_schema(&job(1, OrderRule::Serial));
    assert_eq!(keeper.take(2).await, waiting(1, true));
}

#[tokio::test]
async fn lost_writes_of_the_item_are_repeated() {
    for fault in [WriteFault::Fail, WriteFault::LoseReply, WriteFault::ReportConflict, WriteFault::LoseRace] {
        let keeper = Keeper::new(OrderRule::Serial, &[]).await;
        keeper.ledger.script_orders(&[fault]);
        assert_eq!(keeper.take(1).await, granted(&[]), "{fault:?}");
        assert_eq!(keeper.take(2).await, waiting(1, true), "{fault:?}");
        keeper.end(1, CommandRan::Yes, &[]);
        keeper.ledger.script_orders(&[fault]);
        keeper.release(1).await;
        assert_eq!(keeper.woken(), [key(2)], "{fault:?}");
    }
}

#[tokio::test]
async fn turn_gives_up_after_eight_conflicts() {
    let keeper = Keeper::new(OrderRule::Serial, &[]).await;
    keeper.ledger.script_orders(&[WriteFault::LoseRace; 8]);
    assert!(matches!(keeper.take(1).await, TurnOutcome::Failed(_)));
    assert_eq!(keeper.take(1).await, granted(&[]));
}

#[tokio::test]
async fn dead_candidates_are_dropped_and_the_next_one_wakes() {
    let jobs: Vec<u32> = (1..=14).collect();
    let keeper = Keeper::new(OrderRule::Serial, &jobs).await;
    (1..=12).for_each(|number| keeper.end(number, CommandRan::No, &[]));
    keeper.release(1).await;
    // Ten rows were read, and all were over: the next job takes a turn of its own.
    assert_eq!(keeper.woken(), [key(12)]);
    assert_eq!(keeper.take(14).await, waiting(13, true));
    assert_eq!(keeper.ledger.order(&job(1, OrderRule::Serial)).holder.unwrap().key, key(13));
}
