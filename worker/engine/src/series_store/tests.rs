use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use doorbell_messages::Request;

use super::*;
use crate::domain::{CommandRan, DesiredState, FinalResult, Phase, SourceMessage};
use crate::stubs::{LedgerStub, NOW, WriteFault};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// A request with the same words each time, in a message of its own.
pub(super) fn incoming(id: &str, after: Duration) -> IncomingRequest {
    let request = r#"{"project":"demo","branch":"main","id":"a","commit":"0123456789abcdef0123456789abcdef01234567"}"#;
    let request = Request::parse(request).unwrap();
    let series = JobKey::for_request(&request, id).unwrap();
    IncomingRequest { series, request, message: SourceMessage { id: id.to_owned(), sent_at: NOW + after } }
}

pub(super) fn first_row() -> Row {
    let first = incoming("m1", Duration::ZERO);
    first.job_row(first.series.clone(), NOW)
}

pub(super) fn refused(row: &Row) -> Row {
    let result = FinalResult {
        status: doorbell_messages::Status::Error,
        message: "the checkout failed".to_owned(),
        at: NOW,
        command_ran: Some(CommandRan::No),
    };
    Row {
        phase: Phase::Finished { result, build: None, not_older_than: Vec::new() },
        phase_due_at: None,
        ..row.clone()
    }
}

/// The store of another process at each call.
fn store(ledger: &LedgerStub) -> SeriesStore<LedgerStub> {
    static PROCESSES: AtomicU32 = AtomicU32::new(0);
    let instance = format!("w{}", PROCESSES.fetch_add(1, Ordering::Relaxed));
    SeriesStore::new(Arc::new(RowStore::new(ledger.clone(), instance)))
}

async fn take(ledger: &LedgerStub, incoming: &IncomingRequest) -> Intake {
    store(ledger).take(incoming, NOW, false).await.unwrap()
}

/// The keys of the ledger's rows with the ids of their messages.
fn jobs(ledger: &LedgerStub) -> Vec<(JobKey, String)> {
    ledger.rows().into_iter().map(|row| (row.key, row.message.id)).collect()
}

#[tokio::test]
async fn request_outside_the_window_makes_a_later_job() {
    let ledger = LedgerStub::with_row(&first_row());
    let later = incoming("m2", 2 * HOUR);
    let Intake::NewJob(row) = take(&ledger, &later).await else { panic!("no job") };
    assert_eq!((&row.key, row.phase_due_at), (&later.own_key(), Some(NOW)));
    let first = ledger.row(&later.series).unwrap();
    assert_eq!(first.series.iter().map(|entry| entry.message.as_str()).collect::<Vec<_>>(), ["m2"]);
    assert_eq!(take(&ledger, &later).await, Intake::Joined(later.own_key()), "redelivered");
    assert_eq!(jobs(&ledger).len(), 2);
}

#[tokio::test]
async fn listed_job_without_a_row_is_inserted_by_its_message() {
    let later = incoming("m2", 2 * HOUR);
    let ledger = LedgerStub::with_row(&first_row().with_later_job(&later.message));
    assert!(matches!(take(&ledger, &later).await, Intake::NewJob(row) if row.key == later.own_key()));
    assert_eq!(ledger.row(&later.series).unwrap().series.len(), 1);
}

#[tokio::test]
async fn listed_job_without_a_row_is_inserted_by_a_repeat() {
    let (later, repeat) = (incoming("m2", 2 * HOUR), incoming("m3", 2 * HOUR + MINUTE));
    let ledger = LedgerStub::with_row(&first_row().with_later_job(&later.message));
    assert_eq!(take(&ledger, &repeat).await, Intake::Joined(later.own_key()));
    let row = ledger.row(&later.own_key()).unwrap();
    assert_eq!((row.message, row.repeat.unwrap().message), (later.message, "m3".to_owned()));
}

#[tokio::test]
async fn flood_of_repeats_writes_once() {
    let ledger = LedgerStub::with_row(&first_row());
    for number in 2..50 {
        let repeat = incoming(&format!("m{number}"), MINUTE);
        assert_eq!(take(&ledger, &repeat).await, Intake::Joined(repeat.series.clone()));
    }
    assert_eq!((ledger.updates(), jobs(&ledger).len()), (1, 1));
}

#[tokio::test]
async fn repeat_of_a_refused_job_makes_a_later_job() {
    let ledger = LedgerStub::with_row(&refused(&first_row()));
    let repeat = incoming("m2", MINUTE);
    assert!(matches!(take(&ledger, &repeat).await, Intake::NewJob(row) if row.key == repeat.own_key()));
    // The next repeat is compared with the later job, which is nearer.
    let third = incoming("m3", 2 * MINUTE);
    assert_eq!(take(&ledger, &third).await, Intake::Joined(repeat.own_key()));
}

#[tokio::test]
async fn request_of_an_expired_series_makes_its_first_job() {
    let ledger = LedgerStub::default();
    let incoming = incoming("m2", 2 * HOUR);
    assert!(matches!(take(&ledger, &incoming).await, Intake::NewJob(row) if row.key == incoming.series));
}

#[tokio::test]
async fn write_that_another_process_precedes_is_decided_again() {
    let (later, repeat) = (incoming("m2", 2 * HOUR), incoming("m3", MINUTE));
    for message in [&later, &repeat] {
        let ledger = LedgerStub::with_row(&first_row());
        ledger.script(&[WriteFault::LoseRace]);
        take(&ledger, message).await;
        let first = ledger.row(&later.series).unwrap();
        assert_eq!(
            (first.series.len(), first.repeat.is_some()),
            if message == &later { (1, false) } else { (0, true) }
        );
    }
}

#[tokio::test]
async fn lost_reply_makes_no_second_entry() {
    for fault in [WriteFault::LoseReply, WriteFault::ReportConflict, WriteFault::Fail] {
        let ledger = LedgerStub::with_row(&first_row());
        ledger.script(&[fault, fault]);
        let later = incoming("m2", 2 * HOUR);
        // The second fault meets the insert, which may fail: the message is delivered again then.
        let _ = store(&ledger).take(&later, NOW, false).await;
        take(&ledger, &later).await;
        assert_eq!((jobs(&ledger).len(), ledger.row(&later.series).unwrap().series.len()), (2, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn newer_schema_in_the_series_leaves_the_message() {
    let (first, later) = (first_row(), incoming("m2", 2 * HOUR));
    let listed = first.with_later_job(&later.message);
    let own = later.job_row(later.own_key(), NOW);
    let (same, repeat) = (later.clone(), incoming("m3", 2 * HOUR + MINUTE));
    for (newer, message) in [(&listed, &same), (&own, &same), (&own, &repeat)] {
        let ledger = LedgerStub::with_row(&listed);
        ledger.set_newer_schema(newer);
        let error = store(&ledger).take(message, NOW, false).await.unwrap_err();
        assert!(matches!(error, SeriesError::Load(LoadError::NewerSchema(2))), "{error}");
        assert_eq!(ledger.updates(), 0);
    }
}

/// The row of a cancel request that was published after so long.
fn cancel_row(after: Duration) -> Row {
    let mut row = first_row();
    row.request.action = doorbell_messages::RequestAction::Cancel;
    row.message = SourceMessage { id: "c1".to_owned(), sent_at: NOW + after };
    row
}

async fn cancel(ledger: &LedgerStub, after: Duration) -> Vec<JobKey> {
    let changed = store(ledger).cancel(&cancel_row(after), &first_row().key, NOW).await.unwrap();
    changed.into_iter().map(|row| row.key).collect()
}

fn wants_cancel(ledger: &LedgerStub, key: &JobKey) -> bool {
    ledger.row(key).is_some_and(|row| row.desired == DesiredState::Cancel)
}

#[tokio::test]
async fn cancel_reaches_each_older_job_of_the_series() {
    let ledger = LedgerStub::with_row(&first_row());
    let (second, third) = (incoming("m2", 2 * HOUR), incoming("m3", 4 * HOUR));
    for later in [&second, &third] {
        take(&ledger, later).await;
    }
    let series = &second.series;
    assert_eq!(cancel(&ledger, 3 * HOUR).await, [series.clone(), second.own_key()]);
    assert!(wants_cancel(&ledger, series) && wants_cancel(&ledger, &second.own_key()));
    assert!(!wants_cancel(&ledger, &third.own_key()), "published after the cancel");
    assert_eq!(ledger.row(series).unwrap().series_canceled_at, Some(NOW + 3 * HOUR));
    assert_eq!(ledger.row(&second.own_key()).unwrap().canceled_at, Some(NOW + 3 * HOUR));
    assert!(cancel(&ledger, 3 * HOUR).await.is_empty(), "repeated");
}

#[tokio::test]
async fn cancel_of_a_listed_job_without_a_row_inserts_it_canceled() {
    let later = incoming("m2", 2 * HOUR);
    let ledger = LedgerStub::with_row(&first_row().with_later_job(&later.message));
    cancel(&ledger, 3 * HOUR).await;
    assert!(wants_cancel(&ledger, &later.own_key()));
    assert_eq!(ledger.row(&later.own_key()).unwrap().message, later.message);
    assert_eq!(take(&ledger, &later).await, Intake::Joined(later.own_key()));
}

#[tokio::test]
async fn start_published_before_a_cancel_never_becomes_a_job() {
    let ledger = LedgerStub::default();
    assert_eq!(cancel(&ledger, MINUTE).await, [first_row().key]);
    assert_eq!(take(&ledger, &incoming("m1", Duration::ZERO)).await, Intake::Canceled);
    assert!(matches!(take(&ledger, &incoming("m2", 2 * MINUTE)).await, Intake::NewJob(_)), "published after it");
    assert_eq!(jobs(&ledger).len(), 2);
}

#[tokio::test]
async fn cancel_and_later_job_never_miss_each_other() {
    // The cancel writes between the message's read of the first row and its write: the message reads it again.
    let ledger = LedgerStub::with_row(&first_row());
    let later = incoming("m2", 2 * HOUR);
    let first = first_row();
    let read = store(&ledger);
    cancel(&ledger, 3 * HOUR).await;
    let stale = read.insert_later_job(&later, first, NOW).await.unwrap();
    assert_eq!((stale, ledger.row(&later.own_key())), (None, None));
    assert_eq!(take(&ledger, &later).await, Intake::Canceled);
}

#[tokio::test]
async fn cancel_spares_a_job_that_was_published_after_it() {
    let mut first = first_row();
    first.message.sent_at = NOW + HOUR;
    let ledger = LedgerStub::with_row(&first);
    assert_eq!(cancel(&ledger, MINUTE).await, [first.key.clone()]);
    assert!(!wants_cancel(&ledger, &first.key));
    assert_eq!(take(&ledger, &incoming("m0", Duration::ZERO)).await, Intake::Canceled, "published before it");
}
