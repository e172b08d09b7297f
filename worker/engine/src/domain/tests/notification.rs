mod destinations;
mod receipts;
mod retries;

use doorbell_messages::Status;
use serde_json::json;

use super::{
    COMMIT, FAILED, JobHarness, RUNNING, SUCCESS, build_described, mins, policy, policy_found, reported, secs,
};
use crate::domain::{Admission, DeliveryOutcome, Effect, Observation, StartOutcome};

fn failed(retry_after: Option<u32>) -> DeliveryOutcome {
    DeliveryOutcome::Failed { reason: "it answers 503".to_owned(), retry_after }
}

fn unknown() -> DeliveryOutcome {
    DeliveryOutcome::Unknown("no answer".to_owned())
}

fn reported_status(effects: &[Effect]) -> Option<Status> {
    reported(effects).map(|(status, _)| status)
}

#[test]
fn queued_is_reported_after_ten_seconds_without_a_build() {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    job.slot_available = false;
    assert_eq!(reported_status(&job.observe(policy_found(&policy(json!({}))))), None);
    assert_eq!(reported_status(&job.advance(secs(9)).fire_due()), None);
    assert_eq!(reported_status(&job.advance(secs(1)).fire_due()), Some(Status::Queued));
}

#[test]
fn fast_job_reports_running_once_and_success_once() {
    let mut job = JobHarness::starting(json!({}));
    let effects = job.observe_started(1);
    assert_eq!(job.deliver_all(effects), [Status::Running]);
    let build = job.build(1, RUNNING);
    assert_eq!(reported_status(&job.advance(secs(30)).observe(build_described(build))), None, "once");
    let build = job.build(1, SUCCESS);
    let effects = job.observe(build_described(build.clone()));
    assert_eq!(job.deliver_all(effects), [Status::Success]);
    assert!(job.row.settled_at.is_some());
    assert_eq!(job.observe(build_described(build)), []);
}

#[test]
fn finished_job_never_reports_a_pending_status() {
    let mut job = JobHarness::starting(json!({}));
    let build = job.build(1, FAILED);
    let effects = job.advance(mins(1)).observe_start(StartOutcome::Started(build));
    assert_eq!(job.deliver_all(effects), [Status::Error]);
}

#[test]
fn only_one_report_is_in_flight_at_a_time() {
    let mut job = JobHarness::starting(json!({}));
    let running = job.observe_started(1);
    let build = job.build(1, SUCCESS);
    assert_eq!(reported_status(&job.observe(build_described(build))), None, "running is still on its way");
    let next = job.deliver(&running, DeliveryOutcome::Delivered);
    assert_eq!(reported_status(&next), Some(Status::Success));
}

#[test]
fn report_of_a_dead_worker_makes_the_final_one_repeat() {
    let mut job = JobHarness::starting(json!({}));
    let _lost = job.observe_started(1);
    let build = job.build(1, SUCCESS);
    job.observe(build_described(build));
    assert_eq!(reported_status(&job.advance(secs(29)).fire_due()), None);
    let first = job.advance(secs(1)).fire_due();
    assert_eq!(reported_status(&first), Some(Status::Success));
    job.deliver(&first, DeliveryOutcome::Delivered);
    assert_eq!(job.row.settled_at, None, "the lost report may still arrive");
    assert_eq!(reported_status(&job.advance(secs(119)).fire_due()), None);
    let again = job.advance(secs(1)).fire_due();
    assert_eq!(reported_status(&again), Some(Status::Success));
    job.deliver(&again, DeliveryOutcome::Delivered);
    assert_eq!(job.row.settled_at, Some(job.now));
}

#[test]
fn unknown_pending_report_repeats_the_final_one() {
    let mut job = JobHarness::starting(json!({}));
    let running = job.observe_started(1);
    let effects = job.deliver(&running, unknown());
    assert_eq!(reported_status(&effects), None, "not at once");
    let build = job.build(1, SUCCESS);
    let first = job.observe(build_described(build));
    assert_eq!(reported_status(&first), Some(Status::Success), "the final one does not wait for the back-off");
    job.deliver(&first, DeliveryOutcome::Delivered);
    let told_at = job.now;
    let again = job.fire_when_due();
    assert_eq!(reported_status(&again), Some(Status::Success));
    assert!(job.now.duration_since(told_at) >= secs(120));
    job.deliver(&again, unknown());
    assert_eq!(job.row.settled_at, None, "until it is known to have arrived");
    let last = job.fire_when_due();
    job.deliver(&last, DeliveryOutcome::Delivered);
    assert!(job.row.settled_at.is_some());
}

/// 10 s in which a claim may be used, and 120 s in which a forge does what it was sent.
#[test]
fn final_report_is_sent_once_after_the_stale_window() {
    let check = |waited: u64, settles: bool| {
        let mut job = JobHarness::starting(json!({}));
        let running = job.observe_started(1);
        job.deliver(&running, unknown());
        let build = job.build(1, SUCCESS);
        let last = job.advance(secs(waited)).observe(build_described(build));
        job.deliver(&last, DeliveryOutcome::Delivered);
        assert_eq!(job.row.settled_at.is_some(), settles, "{waited} s after the claim in doubt");
    };
    check(129, false);
    check(130, true);
}

#[test]
fn unknown_final_report_is_retried() {
    let (mut job, effects) = JobHarness::finished();
    job.deliver(&effects, unknown());
    let effects = job.fire_when_due();
    job.deliver(&effects, DeliveryOutcome::Delivered);
    assert!(job.row.settled_at.is_some());
}

#[test]
fn outcome_of_a_superseded_report_changes_nothing() {
    let mut job = JobHarness::starting(json!({}));
    let lost = job.observe_started(1);
    let again = job.advance(mins(10)).fire_due();
    assert_eq!(reported_status(&again), Some(Status::Running));
    let before = job.row.clone();
    job.deliver(&lost, DeliveryOutcome::Undeliverable("it answers 404".to_owned()));
    assert_eq!(job.row, before);
}

/// Two workers' clocks may show the same millisecond for claims that were made one after the other.
#[test]
fn outcome_of_previous_status_does_not_match_a_new_claim() {
    let mut job = JobHarness::starting(json!({}));
    let running = job.observe_started(1);
    let build = job.build(1, SUCCESS);
    job.observe(build_described(build));
    let success = job.deliver(&running, DeliveryOutcome::Delivered);
    assert_eq!(reported_status(&success), Some(Status::Success));
    job.deliver(&running, DeliveryOutcome::Delivered);
    assert_eq!(job.row.settled_at, None, "the forge has not answered to the final status");
    job.deliver(&success, DeliveryOutcome::Delivered);
    assert!(job.row.settled_at.is_some());
}

#[test]
fn report_without_a_permit_stays_due() {
    for (forge, seconds) in [(Admission::Queued, 45..=60), (Admission::Closed, 450..=600)] {
        let mut job = JobHarness { forge_admission: forge, ..JobHarness::running() };
        let build = job.build(1, SUCCESS);
        assert_eq!(reported_status(&job.observe(build_described(build))), None);
        let wait = job.row.reports[0].notification.due_at.unwrap().duration_since(job.now).as_secs();
        assert!(seconds.contains(&wait), "{forge:?}: {wait} s");
    }
}

#[test]
fn undeliverable_report_settles_the_job_with_its_reason() {
    let (mut job, effects) = JobHarness::finished();
    job.deliver(&effects, DeliveryOutcome::Undeliverable("it answers 404:\nENOPROJECT".to_owned()));
    assert_eq!(job.row.reports[0].notification.undeliverable.as_deref(), Some("it answers 404: ENOPROJECT"));
    assert!(job.row.settled_at.is_some());
}

#[test]
fn undeliverable_pending_report_leaves_a_running_job_unsettled() {
    let mut job = JobHarness::starting(json!({}));
    let effects = job.observe_started(1);
    job.deliver(&effects, DeliveryOutcome::Undeliverable("it answers 404".to_owned()));
    assert_eq!(job.row.settled_at, None);
    let build = job.build(1, SUCCESS);
    assert_eq!(reported_status(&job.observe(build_described(build))), None);
    assert!(job.row.settled_at.is_some());
}

#[test]
fn a_settled_row_has_no_due_time_and_expires_after_thirty_days() {
    let (mut job, effects) = JobHarness::finished();
    assert_eq!(job.row.expires_at(), None);
    job.deliver_all(effects);
    assert_eq!(job.row.due_at(), None);
    assert_eq!(job.row.expires_at(), Some(job.now + mins(30 * 24 * 60)));
    assert_eq!(job.advance(mins(600)).fire_due(), []);
}

#[test]
fn job_without_report_target_settles_when_it_ends() {
    let mut job = JobHarness::starting(json!({"reportTo": null}));
    job.observe_started(1);
    let build = job.build(1, SUCCESS);
    assert_eq!(job.observe(build_described(build)), []);
    assert!(job.row.settled_at.is_some());
}

#[test]
fn repeated_start_does_not_report_queued_again() {
    let mut job = JobHarness::starting(json!({}));
    let effects = job.advance(secs(60)).fire_due();
    assert_eq!(job.deliver_all(effects), [Status::Queued]);
    let asked_at = job.advance(mins(16)).now;
    let effects = job.observe(Observation::BuildsListed { asked_at, builds: vec![] });
    assert_eq!(reported_status(&effects), None);
}
