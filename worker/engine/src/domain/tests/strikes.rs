//! What is held against rows whose handling did not end, and which rows are suspected.

use super::{Life, START, mins, secs};
use crate::domain::{Row, Strike, Told};
use doorbell_messages::Status;
use serde_json::json;

const BEGUN: Strike = Strike::Begun { lived: secs(60) };

fn waiting(strikes: u32) -> Row {
    Row { strikes, ..Life::starting(json!({})).row }
}

#[test]
fn twelve_strikes_are_borne_and_one_more_puts_the_row_aside() {
    let check = |strikes: u32, strike: Strike, borne: Option<u32>| {
        let mut row = waiting(strikes);
        row.telling.due = Some(START);
        row.strike(strike, START);
        assert_eq!(row.isolated.is_none(), borne.is_some(), "{strikes} and {strike:?}");
        assert_eq!(row.due_at().is_some(), borne.is_some(), "{strikes} and {strike:?}");
        assert_eq!(row.strikes, borne.unwrap_or(strikes));
        let last = row.trail.last().map(|note| note.text.as_str()).unwrap_or_default();
        assert_eq!(last.starts_with("put aside"), borne.is_none(), "{last}");
    };
    check(0, BEGUN, Some(1));
    check(11, BEGUN, Some(12));
    check(12, BEGUN, None);
    check(8, Strike::Panicked, Some(12));
    check(9, Strike::Panicked, None);
}

#[test]
fn a_death_of_a_worker_that_had_not_lived_for_a_minute_is_counted_up_to_eight() {
    let check = |strikes: u32, expected: u32| {
        let mut row = waiting(strikes);
        row.strike(Strike::Begun { lived: secs(59) }, START);
        assert_eq!((row.isolated, row.strikes), (None, expected));
    };
    check(0, 1);
    check(7, 8);
    check(8, 8);
    check(12, 12);
}

#[test]
fn each_strike_leaves_the_row_alone_for_twice_as_long_up_to_a_quarter_of_an_hour() {
    let check = |strikes: u32, alone: u64| {
        let mut row = waiting(strikes);
        (row.phase_due, row.telling.due) = (Some(START), Some(START));
        row.strike(BEGUN, START);
        assert_eq!(row.phase_due, Some(START + mins(alone)), "{strikes}");
        assert_eq!(row.telling.due, Some(START + mins(alone)), "{strikes}");
    };
    check(0, 1);
    check(1, 2);
    check(3, 8);
    check(4, 15);
    check(11, 15);
}

#[test]
fn a_row_that_was_never_struck_is_written_as_older_workers_read_it() {
    let mut row = waiting(0);
    let written = serde_json::to_value(&row).unwrap();
    assert_eq!(written.get("strikes"), None);
    assert_eq!(serde_json::from_value::<Row>(written).unwrap(), row);
    row.strike(BEGUN, START);
    let written = serde_json::to_value(&row).unwrap();
    assert_eq!(written["strikes"], 1);
    assert_eq!(serde_json::from_value::<Row>(written).unwrap(), row);
}

#[test]
fn a_strike_brings_no_row_forward_and_wakes_none() {
    let mut row = waiting(0);
    (row.phase_due, row.telling.due) = (Some(START + mins(5)), None);
    row.strike(BEGUN, START);
    assert_eq!((row.phase_due, row.telling.due), (Some(START + mins(5)), None));
}

#[test]
fn a_row_is_suspect_that_was_struck_or_lost_its_worker_or_is_due_for_long() {
    let check = |what: &str, row: &Row, after: u64, is_suspect: bool| {
        assert_eq!(row.is_suspect(START + secs(after)), is_suspect, "{what} after {after} s");
    };
    let struck = waiting(1);
    check("struck", &struck, 0, true);

    let mut claimed = waiting(0);
    claimed.telling.due = None;
    check("a claim whose lease runs", &claimed, 59, false);
    check("a claim whose lease is over", &claimed, 60, true);
    claimed.phase_due = Some(START + secs(100));
    check("a claim that somebody has heard of since", &claimed, 99, false);

    let mut told = Life::running().row;
    told.phase_due = Some(START + mins(60));
    told.telling.under_way = Some(Told { status: Status::Running, at: START });
    check("a telling whose lease runs", &told, 59, false);
    check("a telling whose lease is over", &told, 60, true);

    let mut late = Life::running().row;
    (late.phase_due, late.telling.due) = (Some(START), None);
    check("due for a minute", &late, 60, false);
    check("due for longer", &late, 61, true);
}
