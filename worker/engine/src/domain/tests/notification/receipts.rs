//! Claims of non-final reports whose receipt is in the memory of a worker, or nowhere.

use doorbell_messages::Status;
use serde_json::json;

use super::{failed, reported_status, unknown};
use crate::domain::tests::{
    COMMIT, JobHarness, RUNNING, SUCCESS, build_described, mins, policy, policy_found, reported, secs,
};
use crate::domain::{BuildState, DeliveryOutcome, Effect, Receipt, StartOutcome};

/// The receipt of the report among the effects.
fn receipt(job: &JobHarness, effects: &[Effect]) -> Receipt {
    let claim = effects.iter().find_map(|effect| match effect {
        Effect::ReportStatus { entry, claim, .. } => Some((*entry, *claim)),
        _ => None,
    });
    let (entry, claim) = claim.unwrap();
    Receipt { entry, claim, delivered_at: job.now }
}

/// A job whose report *running* is claimed, and has no outcome in the row.
fn reporting_running() -> (JobHarness, Receipt) {
    let mut job = JobHarness::starting(json!({}));
    let effects = job.observe_started(1);
    let receipt = receipt(&job, &effects);
    (job, receipt)
}

fn observe_end(job: &mut JobHarness) -> Vec<Effect> {
    let build = job.build(1, SUCCESS);
    job.observe(build_described(build))
}

#[test]
fn non_final_claim_has_no_due_time_of_its_own() {
    let (job, _) = reporting_running();
    assert_eq!(job.row.reports[0].notification.due_at, None);
    assert_eq!(job.row.due_at(), job.row.phase_due_at);
    let (job, _) = JobHarness::finished();
    assert_eq!(job.row.due_at(), Some(job.now + secs(60)), "a final one has its lease");
}

/// Only the worker that has the receipt knows that the forge has the status.
#[test]
fn polls_leave_a_claim_without_receipt_alone_for_ten_minutes() {
    let (mut job, _) = reporting_running();
    let claimed_at = job.now;
    loop {
        let effects = job.fire_when_due();
        if reported_status(&effects).is_some() {
            break;
        }
        let build = job.build(1, RUNNING);
        let effects = job.observe(build_described(build));
        match reported_status(&effects) {
            None => assert!(job.now.duration_since(claimed_at) < mins(10)),
            Some(status) => break assert_eq!(status, Status::Running),
        }
    }
    let age = job.now.duration_since(claimed_at);
    assert!((mins(10)..mins(12)).contains(&age), "sent again after {age:?}");
}

/// Neither does a decision write the row for the claim's sake.
#[test]
fn claim_without_receipt_changes_nothing_until_the_end() {
    let (mut job, _) = reporting_running();
    let before = job.row.clone();
    let build = job.build(1, RUNNING);
    for seconds in [1, 29, 29] {
        assert_eq!(job.advance(secs(seconds)).observe(build_described(build.clone())), []);
        assert_eq!(job.row, before);
    }
}

#[test]
fn final_report_waits_only_while_an_earlier_one_is_on_its_way() {
    for (age, is_sent) in [(0, false), (29, false), (30, true), (129, true)] {
        let (mut job, _) = reporting_running();
        let claimed_at = job.now;
        let effects = observe_end(job.advance(secs(age)));
        assert_eq!(reported_status(&effects).is_some(), is_sent, "{age} s after the claim");
        if !is_sent {
            assert_eq!(job.row.due_at(), Some(claimed_at + secs(30)));
        }
    }
}

#[test]
fn final_report_is_doubled_only_within_the_stale_window() {
    for (age, is_doubled) in [(30, true), (129, true), (130, false), (599, false)] {
        let (mut job, _) = reporting_running();
        let effects = observe_end(job.advance(secs(age)));
        assert_eq!(job.deliver_all(effects), [Status::Success]);
        assert_eq!(job.row.settled_at.is_none(), is_doubled, "{age} s after the claim");
        if is_doubled {
            let delivered_at = job.now;
            let again = job.fire_when_due();
            assert!(job.now.duration_since(delivered_at) >= secs(120));
            assert_eq!(job.deliver_all(again), [Status::Success]);
            assert!(job.row.settled_at.is_some());
        }
    }
}

#[test]
fn known_receipt_lets_the_final_report_out_once_and_at_once() {
    let (mut job, receipt) = reporting_running();
    job.advance(secs(1)).row = receipt.applied_to(&job.row);
    let effects = observe_end(&mut job);
    assert_eq!(job.deliver_all(effects), [Status::Success]);
    assert!(job.row.settled_at.is_some());
}

#[test]
fn receipt_of_another_claim_is_not_applied() {
    let (mut job, receipt) = reporting_running();
    for other in [
        Receipt { entry: 1, ..receipt },
        Receipt { claim: crate::domain::StatusAt { status: Status::Queued, ..receipt.claim }, ..receipt },
        Receipt { claim: crate::domain::StatusAt { at: job.now + secs(1), ..receipt.claim }, ..receipt },
    ] {
        assert_eq!(other.applied_to(&job.row), job.row, "{other:?}");
    }
    job.row = receipt.applied_to(&job.row);
    assert_eq!(job.row.reports[0].notification.delivered.map(|delivered| delivered.status), Some(Status::Running));
}

#[test]
fn outcome_that_is_no_receipt_is_in_the_row_at_once() {
    for outcome in [failed(None), unknown(), DeliveryOutcome::Conflict("EDBERROR".to_owned())] {
        let mut job = JobHarness::starting(json!({}));
        let effects = job.observe_started(1);
        job.deliver(&effects, outcome.clone());
        assert_eq!(job.row.reports[0].notification.in_flight, None, "{outcome:?}");
        assert!(job.row.due_at() < job.row.phase_due_at, "it is sent again soon: {outcome:?}");
    }
}

/// A build that waits in the provider's queue, whose status was claimed.
fn reporting_queued() -> (JobHarness, Receipt) {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    job.slot_available = false;
    job.observe(policy_found(&policy(json!({}))));
    let effects = job.advance(secs(10)).fire_due();
    assert_eq!(reported(&effects).map(|(status, _)| status), Some(Status::Queued));
    let receipt = receipt(&job, &effects);
    job.slot_available = true;
    (job, receipt)
}

#[test]
fn running_waits_while_queued_is_on_its_way() {
    for (age, knows_receipt) in [(5, false), (5, true)] {
        let (mut job, receipt) = reporting_queued();
        let claimed_at = job.now;
        job.observe(crate::domain::Observation::SlotGranted);
        if knows_receipt {
            job.row = receipt.applied_to(&job.row);
        }
        let build = job.build(1, BuildState::Running);
        let effects = job.advance(secs(age)).observe_start(StartOutcome::Started(build));
        assert_eq!(reported_status(&effects), knows_receipt.then_some(Status::Running));
        if !knows_receipt {
            assert_eq!(job.row.due_at(), Some(claimed_at + secs(30)));
            assert_eq!(reported_status(&job.fire_when_due()), Some(Status::Running));
        }
    }
}

#[test]
fn claimed_queued_is_not_sent_again_while_the_job_waits() {
    let (mut job, _) = reporting_queued();
    job.slot_available = false;
    let claimed_at = job.now;
    while job.now.duration_since(claimed_at) < mins(9) {
        assert_eq!(reported_status(&job.fire_when_due()), None);
    }
}
