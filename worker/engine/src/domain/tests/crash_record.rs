//! What is held against rows whose handling did not end, and which rows are suspected.

use super::{JobHarness, START, mins, secs};
use crate::domain::{CrashEvidence, Row, StatusAt};
use doorbell_messages::Status;
use serde_json::json;

const HANDLING_STARTED: CrashEvidence = CrashEvidence::HandlingStarted { worker_uptime: secs(60) };

fn row_with_score(crash_score: u32) -> Row {
    Row { crash_score, ..JobHarness::starting(json!({})).row }
}

#[test]
fn row_is_quarantined_above_crash_score_twelve() {
    let check = |crash_score: u32, evidence: CrashEvidence, expected: Option<u32>| {
        let mut row = row_with_score(crash_score);
        row.reports[0].notification.due_at = Some(START);
        row.add_crash_evidence(evidence, START);
        assert_eq!(row.quarantined.is_none(), expected.is_some(), "{crash_score} and {evidence:?}");
        assert_eq!(row.due_at().is_some(), expected.is_some(), "{crash_score} and {evidence:?}");
        assert_eq!(row.crash_score, expected.unwrap_or(crash_score));
        let last = row.trail.last().map(|note| note.message.as_str()).unwrap_or_default();
        assert_eq!(last.starts_with("quarantined"), expected.is_none(), "{last}");
    };
    check(0, HANDLING_STARTED, Some(1));
    check(11, HANDLING_STARTED, Some(12));
    check(12, HANDLING_STARTED, None);
    check(8, CrashEvidence::Panicked, Some(12));
    check(9, CrashEvidence::Panicked, None);
}

#[test]
fn crashes_of_young_workers_count_up_to_eight() {
    let check = |crash_score: u32, expected: u32| {
        let mut row = row_with_score(crash_score);
        row.add_crash_evidence(CrashEvidence::HandlingStarted { worker_uptime: secs(59) }, START);
        assert_eq!((row.quarantined, row.crash_score), (None, expected));
    };
    check(0, 1);
    check(7, 8);
    check(8, 8);
    check(12, 12);
}

#[test]
fn lease_doubles_with_each_crash_up_to_15_minutes() {
    let check = |crash_score: u32, alone: u64| {
        let mut row = row_with_score(crash_score);
        (row.phase_due_at, row.reports[0].notification.due_at) = (Some(START), Some(START));
        row.add_crash_evidence(HANDLING_STARTED, START);
        assert_eq!(row.phase_due_at, Some(START + mins(alone)), "{crash_score}");
        assert_eq!(row.reports[0].notification.due_at, Some(START + mins(alone)), "{crash_score}");
    };
    check(0, 1);
    check(1, 2);
    check(3, 8);
    check(4, 15);
    check(11, 15);
}

#[test]
fn zero_crash_score_is_not_serialized() {
    let mut row = row_with_score(0);
    let written = serde_json::to_value(&row).unwrap();
    assert_eq!(written.get("crash_score"), None);
    assert_eq!(serde_json::from_value::<Row>(written).unwrap(), row);
    row.add_crash_evidence(HANDLING_STARTED, START);
    let written = serde_json::to_value(&row).unwrap();
    assert_eq!(written["crash_score"], 1);
    assert_eq!(serde_json::from_value::<Row>(written).unwrap(), row);
}

#[test]
fn crash_evidence_never_makes_a_row_due_earlier() {
    let mut row = row_with_score(0);
    (row.phase_due_at, row.reports[0].notification.due_at) = (Some(START + mins(5)), None);
    row.add_crash_evidence(HANDLING_STARTED, START);
    assert_eq!((row.phase_due_at, row.reports[0].notification.due_at), (Some(START + mins(5)), None));
}

#[test]
fn row_may_be_poison_after_a_crash_lost_lease_or_delay() {
    let check = |what: &str, row: &Row, after: u64, is_suspect: bool| {
        assert_eq!(row.may_be_poison(START + secs(after)), is_suspect, "{what} after {after} s");
    };
    let scored = row_with_score(1);
    check("scored", &scored, 0, true);

    let mut claim = row_with_score(0);
    claim.reports[0].notification.due_at = None;
    check("a claim whose lease runs", &claim, 59, false);
    check("a claim whose lease is over", &claim, 60, true);
    claim.phase_due_at = Some(START + secs(100));
    check("a claim with a known outcome", &claim, 99, false);

    let mut reported_row = JobHarness::running().row;
    reported_row.phase_due_at = Some(START + mins(60));
    reported_row.reports[0].notification.in_flight = Some(StatusAt { status: Status::Success, at: START });
    check("a report whose lease runs", &reported_row, 59, false);
    check("a report whose lease is over", &reported_row, 60, true);
    reported_row.reports[0].notification.in_flight = Some(StatusAt { status: Status::Running, at: START });
    check("a report whose receipt may be in memory", &reported_row, 599, false);
    check("a report that no receipt will come for", &reported_row, 600, true);

    let mut late = JobHarness::running().row;
    (late.phase_due_at, late.reports[0].notification.due_at) = (Some(START), None);
    check("due for a minute", &late, 60, false);
    check("due for longer", &late, 61, true);
}
