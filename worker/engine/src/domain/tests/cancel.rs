use doorbell_messages::{JobKey, Status};
use serde_json::{Value, json};

use super::{
    CANCELED, COMMIT, JobHarness, MESSAGE, RUNNING, SUCCESS, build_described, final_result, mins, policy, policy_found,
    request, secs, start_call,
};
use crate::domain::{DesiredState, Effect, Observation, Phase, Row, StartOutcome};

/// As the engine marks the row of another job.
fn cancel_requested(mut job: JobHarness) -> JobHarness {
    job.row.desired = DesiredState::Cancel;
    job.row.phase_due_at = Some(job.now);
    job
}

fn cancel_request(fields: Value, keys: Value) -> (JobHarness, Vec<Effect>) {
    let mut job = JobHarness::received(fields);
    let effects = job.observe(policy_found(&policy(keys)));
    (job, effects)
}

#[test]
fn cancel_request_gets_a_row_and_cancels_the_named_job() {
    let fields = json!({"id": "a", "commit": COMMIT, "action": "cancel"});
    let (mut job, effects) = cancel_request(fields, json!({"allowCancel": true}));
    let start = JobKey::for_request(&request(json!({"id": "a", "commit": COMMIT})), MESSAGE).unwrap();
    assert_ne!(job.row.key, start);
    assert_eq!(effects, [Effect::CancelSeries(start)]);
    assert_eq!(job.row.phase_due_at, Some(job.now + mins(1)), "in case that this worker dies of it");
    job.observe(Observation::CancelRecorded);
    assert_eq!(final_result(&job.row), (Status::Success, "the job is asked to end"));
    assert!(job.row.settled_at.is_some(), "a cancel has no report");
}

#[test]
fn cancel_request_without_id_is_rejected() {
    let (job, effects) = cancel_request(json!({"action": "cancel"}), json!({"allowCancel": true}));
    let reason = "a cancel names the id of the request whose job it means, and has none";
    assert_eq!(final_result(&job.row), (Status::Rejected, reason));
    assert_eq!(effects, []);
}

#[test]
fn cancel_request_is_retried_after_a_ledger_error() {
    let (mut job, _) = cancel_request(json!({"id": "a", "action": "cancel"}), json!({"allowCancel": true}));
    job.observe(Observation::QueryFailed("the ledger did not answer".to_owned()));
    assert_eq!(job.fire_when_due(), [Effect::ReadPolicy]);
}

#[test]
fn cancel_is_recorded_once_and_only_for_an_unfinished_job() {
    let JobHarness { row, now, .. } = JobHarness::running();
    let mark = |row: &Row| row.with_cancel_requested(now, now, "by the owner");
    let canceled = mark(&row).unwrap();
    assert_eq!((canceled.desired, canceled.phase_due_at), (DesiredState::Cancel, Some(now)));
    assert_eq!((canceled.canceled_at, canceled.trail.last().unwrap().message.as_str()), (Some(now), "by the owner"));
    assert_eq!(mark(&canceled), None, "asked already");
    assert_eq!(mark(&JobHarness::finished().0.row), None, "ended");
}

#[test]
fn job_canceled_before_policy_read_never_starts() {
    let mut job = cancel_requested(JobHarness::received(json!({"commit": COMMIT})));
    let effects = job.observe(policy_found(&policy(json!({}))));
    assert_eq!(final_result(&job.row), (Status::Canceled, "canceled before it started"));
    assert_eq!(job.deliver_all(effects), [Status::Canceled]);
}

#[test]
fn job_canceled_while_waiting_never_starts() {
    let mut job = JobHarness::starting(json!({}));
    job.observe_start(StartOutcome::Limited("full".to_owned()));
    let mut job = cancel_requested(job);
    assert_eq!(start_call(&job.fire_due()), None);
    assert_eq!(final_result(&job.row).0, Status::Canceled);
}

#[test]
fn canceled_job_stops_sending_and_a_throttle_finishes_it() {
    let mut job = cancel_requested(JobHarness::starting(json!({})));
    let effects = job.fire_due();
    assert!(
        matches!(effects.as_slice(), [Effect::QueryBuilds(_)]),
        "its send is in doubt: look, don't send: {effects:?}"
    );
    job.observe_start(StartOutcome::Limited("full".to_owned()));
    assert_eq!(final_result(&job.row), (Status::Canceled, "canceled before it started"));
}

#[test]
fn build_started_after_a_cancel_is_stopped() {
    let mut job = cancel_requested(JobHarness::starting(json!({})));
    job.observe_started(1);
    let effects = job.fire_due();
    let id = job.row.build().unwrap().id.clone();
    assert!(effects.contains(&Effect::StopBuild(id)), "{effects:?}");
}

#[test]
fn canceled_job_finishes_once_build_absence_is_confirmed() {
    let mut job = cancel_requested(JobHarness::starting(json!({})));
    job.advance(mins(16));
    let asked_at = job.now;
    assert_eq!(start_call(&job.observe(Observation::BuildsListed { asked_at, builds: vec![] })), None);
    assert_eq!(final_result(&job.row).0, Status::Canceled);
}

#[test]
fn stop_is_repeated_until_the_provider_reports_stopped() {
    let mut job = cancel_requested(JobHarness::running());
    let id = job.row.build().unwrap().id.clone();
    for _ in 0..5 {
        let effects = job.fire_when_due();
        assert_eq!(effects, [Effect::StopBuild(id.clone()), Effect::DescribeBuild(id.clone())]);
        let build = job.build(1, RUNNING);
        job.observe(build_described(build));
    }
    let build = job.build(1, CANCELED);
    job.observe(build_described(build));
    assert_eq!(final_result(&job.row), (Status::Canceled, "stopped after 42 s"));
}

#[test]
fn build_that_ended_before_its_cancel_keeps_its_status() {
    let mut job = cancel_requested(JobHarness::running());
    job.fire_due();
    let build = job.build(1, SUCCESS);
    job.observe(build_described(build));
    assert_eq!(final_result(&job.row).0, Status::Success);
}

#[test]
fn reappeared_build_of_a_canceled_job_is_not_missing() {
    let mut job = cancel_requested(JobHarness::running());
    let build = job.build(1, RUNNING);
    job.observe(Observation::BuildMissing(build.id.clone()));
    job.advance(mins(30)).observe(build_described(build.clone()));
    job.advance(mins(31)).observe(Observation::BuildMissing(build.id));
    assert!(matches!(job.row.phase, Phase::Running { .. }), "gone for no time: {:?}", job.row.phase);
}

#[test]
fn repeated_stop_calls_back_off() {
    let mut job = cancel_requested(JobHarness::running());
    for seconds in [2, 4, 8] {
        let effects = job.fire_when_due();
        assert!(effects.iter().any(|effect| matches!(effect, Effect::StopBuild(_))), "{effects:?}");
        let wait = job.row.phase_due_at.unwrap().duration_since(job.now);
        assert!((secs(seconds) * 3 / 4..=secs(seconds)).contains(&wait), "{wait:?}");
    }
}
