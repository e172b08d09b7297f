use super::*;
use crate::domain::DesiredState;
use crate::drive::tests::driver;
use crate::stubs::{EffectsStub, LedgerStub, WriteFault, row};

#[tokio::test(start_paused = true)]
async fn cancel_request_is_recorded_in_the_other_row() {
    for fault in [WriteFault::Fail, WriteFault::LoseReply, WriteFault::ReportConflict, WriteFault::LoseRace] {
        let ledger = LedgerStub::with_row(&row(1));
        ledger.put(&row(2));
        ledger.script(&[fault]);
        let observation = driver(&ledger, EffectsStub::new([])).cancel_series(&row(1), &row(2).key).await;
        assert_eq!(observation, Observation::CancelRecorded, "{fault:?}");
        assert_eq!(ledger.row(&row(2).key).unwrap().desired, DesiredState::Cancel, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cancel_of_an_unknown_job_waits_for_its_request() {
    let ledger = LedgerStub::with_row(&row(1));
    let observation = driver(&ledger, EffectsStub::new([])).cancel_series(&row(1), &row(2).key).await;
    assert_eq!(observation, Observation::CancelRecorded);
    assert_eq!(ledger.row(&row(2).key).unwrap().desired, DesiredState::Cancel);
}
