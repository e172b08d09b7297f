//! What is held against rows whose handling did not end, and which rows are suspected.

use super::{Life, START, mins, secs};
use crate::domain::rules::{BEGUN, PANIC};
use crate::domain::{Row, Told};
use doorbell_messages::Status;
use serde_json::json;

fn waiting(strikes: u32) -> Row {
    Row { strikes, ..Life::starting(json!({})).row }
}

#[test]
fn twelve_strikes_are_borne_and_one_more_puts_the_row_aside() {
    let check = |strikes: u32, weight: u32, is_borne: bool| {
        let mut row = waiting(strikes);
        row.telling.due = Some(START);
        row.strike(weight, START);
        assert_eq!(row.isolated.is_none(), is_borne, "{strikes} and {weight}");
        assert_eq!(row.due_at().is_some(), is_borne, "{strikes} and {weight}");
        assert_eq!(row.strikes, if is_borne { strikes + weight } else { strikes });
        let last = row.trail.last().map(|note| note.text.as_str()).unwrap_or_default();
        assert_eq!(last.starts_with("put aside"), !is_borne, "{last}");
    };
    check(0, BEGUN, true);
    check(11, BEGUN, true);
    check(12, BEGUN, false);
    check(8, PANIC, true);
    check(9, PANIC, false);
}

#[test]
fn each_strike_leaves_the_row_alone_for_twice_as_long_up_to_an_hour() {
    let check = |strikes: u32, alone: u64| {
        let mut row = waiting(strikes);
        (row.phase_due, row.telling.due) = (Some(START), Some(START));
        row.strike(BEGUN, START);
        assert_eq!(row.phase_due, Some(START + mins(alone)), "{strikes}");
        assert_eq!(row.telling.due, Some(START + mins(alone)), "{strikes}");
    };
    check(0, 1);
    check(1, 2);
    check(5, 32);
    check(6, 60);
    check(11, 60);
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
