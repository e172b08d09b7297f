use super::*;
use crate::stubs::{LedgerStub, NOW, WriteFault, row};

fn store(ledger: &LedgerStub) -> RowStore<LedgerStub> {
    RowStore::new(ledger.clone(), "a")
}

/// A change that counts its calls in the row's tries.
fn count(row: &Row) -> Option<Row> {
    Some(Row { tries: row.tries + 1, ..row.clone() })
}

#[tokio::test]
async fn update_sets_revision_and_writer() {
    let ledger = LedgerStub::with_row(&row(1));
    let outcome = store(&ledger).update_with(&row(1).key, count).await;
    let expected = Row { rev: 2, writer: "a-0".to_owned(), tries: 1, ..row(1) };
    assert_eq!(outcome, WriteOutcome::Written(Box::new(expected.clone())));
    assert_eq!(ledger.row(&expected.key), Some(expected));
}

#[tokio::test]
async fn lost_update_reply_is_recognized_as_own_write() {
    for fault in [WriteFault::LoseReply, WriteFault::ReportConflict] {
        let ledger = LedgerStub::with_row(&row(1));
        ledger.script(&[fault]);
        let outcome = store(&ledger).update_with(&row(1).key, count).await;
        assert!(matches!(outcome, WriteOutcome::Written(row) if row.tries == 1), "{fault:?}");
        assert_eq!(ledger.updates(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn conflicting_write_repeats_the_change_on_the_new_row() {
    let ledger = LedgerStub::with_row(&row(1));
    ledger.script(&[WriteFault::LoseRace, WriteFault::Fail]);
    let outcome = store(&ledger).update_row_with(row(1), count).await;
    assert!(matches!(outcome, WriteOutcome::Written(row) if (row.rev, row.tries) == (3, 1)));
    assert_eq!(ledger.updates(), 3);
}

#[tokio::test]
async fn change_that_returns_none_writes_nothing() {
    let ledger = LedgerStub::with_row(&row(1));
    let outcome = store(&ledger).update_with(&row(1).key, |_| None).await;
    assert_eq!(outcome, WriteOutcome::Unchanged(Box::new(row(1))));
    assert_eq!(ledger.updates(), 0);
}

#[tokio::test]
async fn update_gives_up_after_eight_conflicts() {
    let ledger = LedgerStub::with_row(&row(1));
    ledger.script(&[WriteFault::LoseRace; 20]);
    let outcome = store(&ledger).update_with(&row(1).key, count).await;
    assert_eq!(outcome, WriteOutcome::GaveUp { last_error: None });
    assert_eq!(ledger.updates(), MAX_WRITE_CONFLICTS);
    ledger.script(&[WriteFault::Fail; 20]);
    let outcome = store(&ledger).update_with(&row(1).key, count).await;
    assert_eq!(outcome, WriteOutcome::GaveUp { last_error: Some(PortError("down".to_owned())) });
}

#[tokio::test]
async fn newer_schema_row_is_never_reported_as_absent() {
    let ledger = LedgerStub::default();
    ledger.set_newer_schema(&row(1));
    let store = store(&ledger);
    let newer = LoadError::NewerSchema(2);
    assert_eq!(store.load(&row(1).key).await, Err(newer.clone()));
    assert_eq!(store.update_with(&row(1).key, count).await, WriteOutcome::Unavailable(newer));
    assert_eq!(store.insert(vec![row(1)]).await[0].1, RowInsert::NewerSchema(2));
    assert_eq!(store.update_with(&row(2).key, count).await, WriteOutcome::Absent);
    assert_eq!(ledger.updates(), 0);
}

#[tokio::test]
async fn lost_insert_reply_is_recognized_as_own_write() {
    for fault in [WriteFault::LoseReply, WriteFault::ReportConflict] {
        let ledger = LedgerStub::default();
        ledger.script(&[fault]);
        assert_eq!(store(&ledger).insert(vec![row(1)]).await[0].1, RowInsert::Inserted, "{fault:?}");
    }
    let ledger = LedgerStub::with_row(&row(1));
    ledger.script(&[WriteFault::LoseReply, WriteFault::Fail]);
    let results: Vec<RowInsert> =
        store(&ledger).insert(vec![row(1), row(2)]).await.into_iter().map(|(_, result)| result).collect();
    assert_eq!(results, [RowInsert::AlreadyExists, RowInsert::Failed(PortError("down".to_owned()))]);
}

#[tokio::test]
async fn cancel_is_written_once_despite_a_lost_reply() {
    let ledger = LedgerStub::with_row(&row(1));
    ledger.script(&[WriteFault::ReportConflict]);
    let cancel = |row: &Row| row.with_cancel_requested(NOW, NOW, "the owner asks to cancel the job");
    let store = store(&ledger);
    assert!(matches!(store.update_with(&row(1).key, cancel).await, WriteOutcome::Written(_)));
    assert!(matches!(store.update_with(&row(1).key, cancel).await, WriteOutcome::Unchanged(_)));
}

#[tokio::test]
async fn row_just_written_is_not_read_before_another_process_writes() {
    let ledger = LedgerStub::default();
    let store = store(&ledger);
    store.insert(vec![row(1)]).await;
    assert_eq!(store.recent_or_load(&row(1).key).await.map(|row| row.rev), Some(1));
    assert_eq!(ledger.loads(), 0);
    ledger.script(&[WriteFault::LoseRace]);
    let kept = store.recent(&row(1).key).unwrap();
    assert!(matches!(store.update_row_with(kept, count).await, WriteOutcome::Written(row) if row.rev == 3));
    assert_eq!(store.recent(&row(1).key).map(|row| (row.rev, row.tries)), Some((3, 1)));
}
