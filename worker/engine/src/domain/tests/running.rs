use doorbell_messages::Status;
use serde_json::json;

use super::{JobHarness, build_described, final_result, mins, secs};
use crate::domain::{Effect, Observation, Phase, ProviderBuild};

#[test]
fn a_quiet_build_is_asked_after_when_due() {
    let mut job = JobHarness::running();
    let id = job.row.build().unwrap().id.clone();
    assert_eq!(job.fire_due(), []);
    assert_eq!(job.advance(secs(60)).fire_due(), [Effect::DescribeBuild(id)]);
}

#[test]
fn a_look_that_was_due_moves_the_next_one_and_an_event_costs_no_write() {
    let mut job = JobHarness::running();
    let build = job.build(1, "IN_PROGRESS");
    job.advance(secs(10)).observe(build_described(build.clone()));
    let rev = job.row.rev;
    job.advance(secs(10)).observe(build_described(build.clone()));
    assert_eq!(job.row.rev, rev);
    job.advance(secs(60)).observe(build_described(build));
    assert_eq!(job.row.due_at(), Some(job.now + secs(60)));
}

#[test]
fn only_the_provider_ends_a_build_and_an_event_that_runs_ahead_is_asked_again() {
    let mut job = JobHarness::running();
    let build = job.build(1, "IN_PROGRESS");
    job.observe(Observation::BuildDescribed { build, claims_final: true });
    assert_eq!(job.row.status(), Status::Running);
    assert_eq!(job.row.due_at(), Some(job.now + secs(5)));
}

#[test]
fn the_same_holds_where_that_event_brought_the_build() {
    let mut job = JobHarness::starting(json!({"report": null}));
    let build = job.build(1, "IN_PROGRESS");
    job.observe(Observation::BuildDescribed { build, claims_final: true });
    assert_eq!(job.row.due_at(), Some(job.now + secs(5)));
}

#[test]
fn an_unknown_status_is_not_final_until_the_build_is_complete() {
    let mut job = JobHarness::running();
    let build = ProviderBuild { complete: false, ..job.build(1, "SUCCEEDED") };
    job.observe(build_described(build));
    assert_eq!(job.row.status(), Status::Running);
    let build = job.build(1, "VAPORIZED");
    job.observe(build_described(build));
    let text = "the build ended after 42 s with a status that is unknown here: VAPORIZED";
    assert_eq!(final_result(&job.row), (Status::Error, text));
}

#[test]
fn a_build_that_the_provider_does_not_know_for_an_hour_is_lost() {
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
fn a_build_that_is_seen_again_is_not_lost() {
    let mut job = JobHarness::running();
    let build = job.build(1, "IN_PROGRESS");
    job.observe(Observation::BuildMissing(build.id.clone()));
    job.advance(mins(59)).observe(build_described(build.clone()));
    job.advance(mins(59)).observe(Observation::BuildMissing(build.id));
    assert!(matches!(job.row.phase, Phase::Running { .. }));
}

#[test]
fn another_build_that_is_not_known_says_nothing() {
    let mut job = JobHarness::running();
    let before = job.row.clone();
    job.advance(mins(90)).observe(Observation::BuildMissing(doorbell_messages::BuildId::new("builds:77")));
    assert_eq!(job.row, before);
}

#[test]
fn a_build_older_than_its_limits_and_an_hour_is_lost() {
    // 60 minutes of its own, 8 hours in the provider's queue, and 1 hour.
    let check = |age, is_lost: bool| {
        let mut job = JobHarness::running();
        let build = job.build(1, "IN_PROGRESS");
        job.advance(age).observe(build_described(build));
        assert_eq!(job.row.status() == Status::Error, is_lost, "{age:?}");
    };
    check(mins(10 * 60), false);
    check(mins(10 * 60) + secs(1), true);
}

#[test]
fn a_look_that_fails_is_repeated() {
    let mut job = JobHarness::running();
    job.advance(secs(60)).fire_due();
    job.observe(Observation::QueryFailed("ThrottlingException".to_owned()));
    assert_eq!(job.row.due_at(), Some(job.now + secs(60)));
}

#[test]
fn a_second_build_is_stopped_with_a_note_however_often_it_is_seen() {
    for mut job in [JobHarness::running(), JobHarness::finished().0] {
        let second = job.build(2, "IN_PROGRESS");
        let stop = Effect::StopDuplicate { build: second.id.clone(), is_running: true };
        for _ in 0..2 {
            assert!(job.observe(build_described(second.clone())).contains(&stop));
        }
        assert_eq!(job.row.trail.iter().filter(|note| note.text.contains("second build builds:2")).count(), 1);
        assert_eq!(job.row.build().unwrap().id.as_str(), "builds:1");
    }
}

#[test]
fn a_final_status_never_changes() {
    let (mut job, _) = JobHarness::finished();
    for status in ["FAILED", "IN_PROGRESS", "STOPPED", "SUCCEEDED"] {
        let build = job.build(1, status);
        job.observe(build_described(build));
        assert_eq!(final_result(&job.row), (Status::Success, "passed after 42 s"));
    }
}
