use super::*;
use crate::domain::ReportEntry;
use crate::stubs::{NOW, claimed_report, finished_row, reporting_row};

const MINUTE: Duration = Duration::from_secs(60);

fn delivered(row: &Row) -> Observation {
    let (entry, claim) = claimed_report(row);
    Observation::ReportAttempted { entry, claim, outcome: DeliveryOutcome::Delivered }
}

/// Claims and sends the report *running* of a job.
fn claim(receipts: &KeptReceipts, number: u32) -> Row {
    let row = reporting_row(number);
    let (entry, claim) = claimed_report(&row);
    receipts.note_sent(&row, entry, claim);
    row
}

fn ended(row: &Row, after: Duration) -> Row {
    let mut ended = Row { reports: row.reports.clone(), ..finished_row(0) };
    if let crate::domain::Phase::Finished { result, .. } = &mut ended.phase {
        result.at = NOW + after;
    }
    Row { key: row.key.clone(), ..ended }
}

/// Ends jobs that took so long, of which this worker reported these.
fn end_jobs(receipts: &KeptReceipts, were_reported_here: &[bool], after: Duration) {
    for (number, was_reported_here) in (100..).zip(were_reported_here) {
        let row = if *was_reported_here { claim(receipts, number) } else { reporting_row(number) };
        receipts.note_written(&row, &Row { settled_at: Some(NOW), ..ended(&row, after) });
    }
}

fn lone_worker() -> KeptReceipts {
    let receipts = KeptReceipts::default();
    end_jobs(&receipts, &[true; 8], MINUTE);
    receipts
}

fn keeps(receipts: &KeptReceipts, number: u32) -> bool {
    let row = claim(receipts, number);
    receipts.keep(&row, &delivered(&row), NOW)
}

#[test]
fn new_worker_keeps_no_receipt() {
    assert!(!keeps(&KeptReceipts::default(), 1));
    assert!(keeps(&lone_worker(), 1));
}

#[test]
fn worker_of_a_fleet_keeps_no_receipt() {
    let receipts = KeptReceipts::default();
    let quarter: Vec<bool> = (0..40).map(|number| number % 4 == 0).collect();
    end_jobs(&receipts, &quarter, MINUTE);
    assert!(!keeps(&receipts, 1));
    let receipts = lone_worker();
    end_jobs(&receipts, &[false], MINUTE);
    assert!(!keeps(&receipts, 1), "another worker has come");
}

#[test]
fn worker_of_a_fleet_keeps_receipts_of_long_builds() {
    for (seconds, is_kept) in [(149, false), (150, true)] {
        let receipts = KeptReceipts::default();
        end_jobs(&receipts, &[false; 8], Duration::from_secs(seconds));
        assert_eq!(keeps(&receipts, 1), is_kept, "builds of {seconds} s");
    }
}

#[test]
fn foreign_end_of_a_kept_receipt_counts() {
    let receipts = lone_worker();
    receipts.note_foreign_end();
    assert!(!keeps(&receipts, 1));
}

#[test]
fn only_a_delivery_is_kept() {
    let receipts = lone_worker();
    let row = claim(&receipts, 1);
    let (entry, claim) = claimed_report(&row);
    for outcome in [
        DeliveryOutcome::Failed { reason: String::new(), retry_after: None },
        DeliveryOutcome::Conflict(String::new()),
        DeliveryOutcome::Unknown(String::new()),
        DeliveryOutcome::Undeliverable(String::new()),
    ] {
        assert!(!receipts.keep(&row, &Observation::ReportAttempted { entry, claim, outcome }, NOW));
    }
    assert!(!receipts.keep(&row, &Observation::Due, NOW));
    assert!(receipts.keep(&row, &delivered(&row), NOW));
    assert!(!receipts.keep(&row, &delivered(&row), NOW), "once");
}

#[test]
fn receipt_is_written_where_another_destination_waits() {
    let receipts = lone_worker();
    let mut row = claim(&receipts, 1);
    let mut other = ReportEntry::new(row.reports[0].target.clone());
    other.notification.due_at = Some(NOW);
    row.reports.push(other);
    assert!(!receipts.keep(&row, &delivered(&row), NOW));
}

#[test]
fn receipt_of_a_superseded_claim_is_not_kept() {
    let receipts = lone_worker();
    let row = claim(&receipts, 1);
    let (entry, claim) = claimed_report(&row);
    let newer = StatusAt { at: claim.at + MINUTE, ..claim };
    receipts.note_sent(&row, entry, newer);
    assert!(!receipts.keep(&row, &delivered(&row), NOW));
}

/// The end was written before the forge answered, or while it did.
#[test]
fn receipt_that_the_row_waits_for_is_not_left_in_memory() {
    let receipts = lone_worker();
    let row = claim(&receipts, 1);
    let end = ended(&row, MINUTE);
    receipts.note_written(&row, &end);
    assert!(!receipts.keep(&row, &delivered(&row), NOW), "the row waited before");

    let row = claim(&receipts, 2);
    assert_eq!(receipts.take_awaited(&row), None, "nothing was delivered");
    assert!(receipts.keep(&row, &delivered(&row), NOW));
    assert_eq!(receipts.take_awaited(&row), None, "a running job does not wait");
    assert_eq!(receipts.take_awaited(&ended(&row, MINUTE)), Some(delivered(&row)));
    assert_eq!(receipts.take_awaited(&ended(&row, MINUTE)), None, "once");
}

#[test]
fn written_receipt_is_no_longer_kept() {
    let receipts = lone_worker();
    let row = claim(&receipts, 1);
    assert!(receipts.keep(&row, &delivered(&row), NOW));
    let receipt = receipts.get(&row.key).unwrap();
    assert_eq!((receipt.entry, receipt.claim), claimed_report(&row));
    receipts.note_written(&row, &row);
    assert!(receipts.get(&row.key).is_some(), "that write did not take it along");
    receipts.note_written(&row, &receipt.applied_to(&row));
    assert!(receipts.get(&row.key).is_none());
}

#[tokio::test(start_paused = true)]
async fn old_receipts_are_handed_out_once() {
    let receipts = lone_worker();
    assert!(keeps(&receipts, 1));
    tokio::time::advance(MINUTE).await;
    assert!(keeps(&receipts, 2));
    let waited = Instant::now();
    receipts.wait_for_age(3 * MINUTE).await;
    assert_eq!(waited.elapsed(), 2 * MINUTE);
    let keys = |age| receipts.take_older_than(age).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(3 * MINUTE), [reporting_row(1).key]);
    assert_eq!(keys(Duration::ZERO), [reporting_row(2).key]);
    assert_eq!(keys(Duration::ZERO), []);
    let wait = receipts.wait_for_age(MINUTE);
    assert!(tokio::time::timeout(100 * MINUTE, wait).await.is_err(), "without a receipt there is nothing to do");
}

#[tokio::test(start_paused = true)]
async fn reports_are_remembered_in_bounded_memory() {
    let receipts = lone_worker();
    let first_kept = claim(&receipts, 1_000);
    assert!(receipts.keep(&first_kept, &delivered(&first_kept), NOW));
    for number in 2_000..2_000 + u32::try_from(MAX_JOBS).unwrap() {
        tokio::time::advance(Duration::from_millis(1)).await;
        claim(&receipts, number);
    }
    assert_eq!(receipts.state().reports.len(), MAX_JOBS);
    assert!(receipts.get(&first_kept.key).is_some(), "a kept receipt is not forgotten");
}
