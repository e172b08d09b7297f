use doorbell_messages::Status;
use serde_json::json;

use super::{CANCELED, FAILED, JobHarness, RUNNING, SUCCESS, build_described, final_result, mins, reported, secs};
use crate::domain::{BuildOutcome, BuildState, Effect, Observation, Phase, StartOutcome};

#[test]
fn running_build_is_described_when_due() {
    let mut job = JobHarness::running();
    let id = job.row.build().unwrap().id.clone();
    assert_eq!(job.fire_due(), []);
    assert_eq!(job.advance(secs(60)).fire_due(), [Effect::DescribeBuild(id)]);
}

#[test]
fn due_poll_sets_the_next_poll_and_events_cost_no_write() {
    let mut job = JobHarness::running();
    let build = job.build(1, RUNNING);
    job.advance(secs(10)).observe(build_described(build.clone()));
    let rev = job.row.rev;
    job.advance(secs(10)).observe(build_described(build.clone()));
    assert_eq!(job.row.rev, rev);
    job.advance(secs(60)).observe(build_described(build));
    assert_eq!(job.row.due_at(), Some(job.now + secs(60)));
}

#[test]
fn final_event_ahead_of_the_provider_is_checked_again() {
    let mut job = JobHarness::running();
    let build = job.build(1, RUNNING);
    job.observe(Observation::BuildDescribed { build, claims_final: true });
    assert_eq!(job.row.status(), Status::Running);
    assert_eq!(job.row.due_at(), Some(job.now + secs(5)));
}

#[test]
fn final_event_that_reveals_the_build_is_checked_again() {
    let mut job = JobHarness::starting(json!({"reportTo": null}));
    let build = job.build(1, RUNNING);
    job.observe(Observation::BuildDescribed { build, claims_final: true });
    assert_eq!(job.row.due_at(), Some(job.now + secs(5)));
}

#[test]
fn unknown_build_outcome_is_an_error_that_names_it() {
    let mut job = JobHarness::running();
    let build = job.build(1, BuildState::Queued);
    job.observe(build_described(build));
    assert_eq!(job.row.status(), Status::Running);
    let build = job.build(1, BuildState::Ended(BuildOutcome::Unknown { status: "VAPORIZED".to_owned() }));
    job.observe(build_described(build));
    let text = "the build ended after 42 s with a status that is unknown here: VAPORIZED";
    assert_eq!(final_result(&job.row), (Status::Error, text));
}

#[test]
fn build_missing_for_an_hour_is_lost() {
    let mut job = JobHarness::running();
    let id = job.row.build().unwrap().id.clone();
    job.observe(Observation::BuildMissing(id.clone()));
    assert_eq!(job.row.due_at(), Some(job.now + secs(60)));
    job.advance(mins(60) - secs(1)).observe(Observation::BuildMissing(id.clone()));
    assert!(matches!(job.row.phase, Phase::Running { .. }));
    job.advance(secs(1)).observe(Observation::BuildMissing(id));
    assert_eq!(final_result(&job.row), (Status::Error, "lost by the provider: it does not know the build any more"));
}

#[test]
fn reappeared_build_is_not_lost() {
    let mut job = JobHarness::running();
    let build = job.build(1, RUNNING);
    job.observe(Observation::BuildMissing(build.id.clone()));
    job.advance(mins(59)).observe(build_described(build.clone()));
    job.advance(mins(59)).observe(Observation::BuildMissing(build.id));
    assert!(matches!(job.row.phase, Phase::Running { .. }));
}

#[test]
fn missing_other_build_changes_nothing() {
    let mut job = JobHarness::running();
    let before = job.row.clone();
    job.advance(mins(90)).observe(Observation::BuildMissing(doorbell_messages::BuildId::new("builds:77")));
    assert_eq!(job.row, before);
}

#[test]
fn build_an_hour_past_its_time_limits_is_lost() {
    // 60 minutes of its own, 8 hours in the provider's queue, and 1 hour.
    let check = |age, is_lost: bool| {
        let mut job = JobHarness::running();
        let build = job.build(1, RUNNING);
        job.advance(age).observe(build_described(build));
        assert_eq!(job.row.status() == Status::Error, is_lost, "{age:?}");
    };
    check(mins(10 * 60), false);
    check(mins(10 * 60) + secs(1), true);
}

#[test]
fn failed_describe_is_repeated() {
    let mut job = JobHarness::running();
    job.advance(secs(60)).fire_due();
    job.observe(Observation::QueryFailed("ThrottlingException".to_owned()));
    assert_eq!(job.row.due_at(), Some(job.now + secs(60)));
}

#[test]
fn duplicate_build_is_stopped_and_recorded_once() {
    for mut job in [JobHarness::running(), JobHarness::finished().0] {
        let second = job.build(2, RUNNING);
        let stop = Effect::StopDuplicate { build: second.id.clone(), is_running: true };
        for _ in 0..2 {
            assert!(job.observe(build_described(second.clone())).contains(&stop));
        }
        assert_eq!(job.row.trail.iter().filter(|note| note.message.contains("duplicate build builds:2")).count(), 1);
        assert_eq!(job.row.build().unwrap().id.as_str(), "builds:1");
    }
}

#[test]
fn a_final_status_never_changes() {
    let (mut job, _) = JobHarness::finished();
    for state in [FAILED, RUNNING, CANCELED, SUCCESS] {
        let build = job.build(1, state);
        job.observe(build_described(build));
        assert_eq!(final_result(&job.row), (Status::Success, "passed after 42 s"));
    }
}

#[test]
fn build_in_the_providers_queue_is_reported_as_queued() {
    let mut job = JobHarness::starting(json!({}));
    let build = job.build(1, BuildState::Queued);
    let effects = job.observe_start(StartOutcome::Started(build));
    assert_eq!((job.row.status(), reported(&effects)), (Status::Queued, None));
    let effects = job.advance(secs(10)).fire_when_due();
    assert_eq!(reported(&effects), Some((Status::Queued, "waiting in the provider's queue".to_owned())));
    job.deliver_all(effects);
    let build = job.build(1, RUNNING);
    let effects = job.observe(build_described(build));
    assert_eq!(reported(&effects), Some((Status::Running, "branch main is being built".to_owned())));
}

#[test]
fn running_build_does_not_become_queued_again() {
    let mut job = JobHarness::starting(json!({}));
    for (state, status) in [
        (BuildState::Queued, Status::Queued),
        (RUNNING, Status::Running),
        (BuildState::Queued, Status::Running),
        (SUCCESS, Status::Success),
    ] {
        let build = job.build(1, state);
        let effects = job.observe(build_described(build));
        assert_eq!(job.row.status(), status);
        job.deliver_all(effects);
    }
}
