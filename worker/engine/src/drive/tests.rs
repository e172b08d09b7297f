use doorbell_messages::Status;
use doorbell_registry::OrderRule;

use super::*;
use crate::domain::{BuildOutcome, BuildState, DeliveryOutcome, LEASE, PolicyLookup, ProviderBuild, StatusAt};
use crate::stubs::{
    ClockStub, EffectsStub, LedgerStub, NOW, WriteFault, config, described_build, finished_row, ordered_launch,
    report_effect, reporting_row, row,
};

pub(super) fn driver(
    ledger: &LedgerStub,
    effects: EffectsStub,
) -> Driver<LedgerStub, LedgerStub, ClockStub, EffectsStub> {
    let clock = ClockStub(Some(NOW));
    let rows = Arc::new(RowStore::new(ledger.clone(), "a"));
    let admission = Arc::new(AdmissionController::new(clock, config()));
    let turns = TurnKeeper::new(Arc::clone(&rows), ledger.clone(), clock, Arc::default());
    let slots = SlotKeeper::new(Arc::clone(&rows), None);
    Driver::new(rows, clock, admission, effects, turns, slots, Arc::default())
}

#[tokio::test(start_paused = true)]
async fn drive_ends_when_no_effect_remains() {
    let ledger = LedgerStub::with_row(&row(1));
    let effects = EffectsStub::new([Observation::PolicyRead(PolicyLookup::Unavailable("down".to_owned()))]);
    driver(&ledger, effects.clone()).drive(row(1), Observation::Due, None).await;
    assert_eq!(effects.executed(), [Effect::ReadPolicy]);
    let waiting = ledger.row(&row(1).key).unwrap();
    assert!(waiting.rev == 2 && waiting.phase_due_at > row(1).phase_due_at, "{waiting:#?}");
}

#[tokio::test(start_paused = true)]
async fn permit_outlives_a_write_conflict() {
    let launch = ordered_launch(OrderRule::Newest);
    let group = launch.target.to_string();
    let mut accepted = row(1);
    accepted.phase = Phase::Accepted { launch, attempt: 1, waiting: None, turn: None };
    let ledger = LedgerStub::with_row(&accepted);
    ledger.script(&[WriteFault::LoseRace]);
    let effects = EffectsStub::new([]);
    let driver = driver(&ledger, effects.clone());
    let limiter = &driver.admission.build_limiter;
    let permit = limiter.try_acquire(&group).unwrap();
    // A job that gives its permit back comes after this one.
    limiter.enqueue(&group, &row(2).request.project, NOW, &row(2).key);
    driver.drive(accepted, Observation::SlotGranted, Some(permit)).await;
    assert!(matches!(effects.executed()[..], [Effect::StartBuild { .. }]), "{:?}", effects.executed());
}

/// A worker whose forge answers the report *running* of the job like this, after it ended each job that it reported.
fn reporting_driver(
    ledger: &LedgerStub,
    outcome: DeliveryOutcome,
) -> Driver<LedgerStub, LedgerStub, ClockStub, EffectsStub> {
    let claim = StatusAt { status: Status::Running, at: NOW };
    let driver = driver(ledger, EffectsStub::new([Observation::ReportAttempted { entry: 0, claim, outcome }]));
    for number in 2..12 {
        let row = reporting_row(number);
        driver.receipts.note_claim(&row, &[report_effect(&row)]);
        driver.receipts.note_written(&row, &finished_row(number));
    }
    driver
}

/// A running job that was not reported yet.
fn unreported_row() -> Row {
    let mut row = Row { phase_due_at: Some(NOW + LEASE), ..reporting_row(1) };
    row.reports[0].notification.in_flight = None;
    row
}

fn build_ended(row: &Row) -> Observation {
    let state = BuildState::Ended(BuildOutcome::Success);
    let build = ProviderBuild { state, ..described_build(row.build().unwrap().id.as_str(), row) };
    Observation::BuildDescribed { build, claims_final: true }
}

#[tokio::test(start_paused = true)]
async fn kept_receipt_rides_on_the_next_write() {
    for faults in [&[][..], &[WriteFault::LoseRace], &[WriteFault::LoseRace, WriteFault::LoseRace]] {
        let ledger = LedgerStub::with_row(&unreported_row());
        let driver = reporting_driver(&ledger, DeliveryOutcome::Delivered);
        driver.drive(unreported_row(), Observation::Due, None).await;
        let row = ledger.row(&row(1).key).unwrap();
        assert_eq!((row.rev, row.reports[0].notification.delivered), (2, None), "the receipt is kept");
        ledger.script(faults);
        driver.drive(row.clone(), build_ended(&row), None).await;
        let ended = ledger.row(&row.key).unwrap();
        assert_eq!(ended.rev, 3 + faults.len() as u64, "after {faults:?}");
        let notification = &ended.reports[0].notification;
        assert_eq!(notification.delivered.map(|delivered| delivered.status), Some(Status::Running));
        assert_eq!(notification.in_flight.map(|claim| claim.status), Some(Status::Success));
        assert!(!notification.stale_possible && driver.receipts.get(&row.key).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn outcome_that_is_no_receipt_is_written_at_once() {
    for outcome in [
        DeliveryOutcome::Failed { reason: "it answers 503".to_owned(), retry_after: None },
        DeliveryOutcome::Unknown("no answer".to_owned()),
        DeliveryOutcome::Undeliverable("it answers 404".to_owned()),
    ] {
        let ledger = LedgerStub::with_row(&unreported_row());
        reporting_driver(&ledger, outcome.clone()).drive(unreported_row(), Observation::Due, None).await;
        let row = ledger.row(&row(1).key).unwrap();
        assert_eq!((row.rev, row.reports[0].notification.in_flight), (3, None), "{outcome:?}");
    }
}

/// A decision that changes nothing else does not write the receipt either.
#[tokio::test(start_paused = true)]
async fn kept_receipt_causes_no_write_of_its_own() {
    let ledger = LedgerStub::with_row(&unreported_row());
    let driver = reporting_driver(&ledger, DeliveryOutcome::Delivered);
    driver.drive(unreported_row(), Observation::Due, None).await;
    let row = ledger.row(&row(1).key).unwrap();
    driver.drive(row.clone(), Observation::Due, None).await;
    assert_eq!(ledger.row(&row.key), Some(row.clone()));
    assert!(driver.receipts.get(&row.key).is_some());
}
