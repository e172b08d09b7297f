use doorbell_messages::Status;
use serde_json::json;

use super::{Life, described, ending, mins, secs};
use crate::domain::{Act, Phase, ProviderBuild, Seen};

#[test]
fn a_quiet_build_is_asked_after_when_due() {
    let mut life = Life::running();
    let id = life.row.build().unwrap().id.clone();
    assert_eq!(life.wake(), []);
    assert_eq!(life.wait(secs(60)).wake(), [Act::Describe(id)]);
}

#[test]
fn a_look_that_was_due_moves_the_next_one_and_an_event_costs_no_write() {
    let mut life = Life::running();
    let build = life.build(1, "IN_PROGRESS");
    life.wait(secs(10)).see(described(build.clone()));
    let rev = life.row.rev;
    life.wait(secs(10)).see(described(build.clone()));
    assert_eq!(life.row.rev, rev);
    life.wait(secs(60)).see(described(build));
    assert_eq!(life.row.due_at(), Some(life.now + secs(60)));
}

#[test]
fn only_the_provider_ends_a_build_and_an_event_that_runs_ahead_is_asked_again() {
    let mut life = Life::running();
    let build = life.build(1, "IN_PROGRESS");
    life.see(Seen::Described { build, claims_final: true });
    assert_eq!(life.row.status(), Status::Running);
    assert_eq!(life.row.due_at(), Some(life.now + secs(5)));
}

#[test]
fn the_same_holds_where_that_event_brought_the_build() {
    let mut life = Life::starting(json!({"reportTo": null}));
    let build = life.build(1, "IN_PROGRESS");
    life.see(Seen::Described { build, claims_final: true });
    assert_eq!(life.row.due_at(), Some(life.now + secs(5)));
}

#[test]
fn an_unknown_status_is_not_final_until_the_build_is_complete() {
    let mut life = Life::running();
    let build = ProviderBuild { complete: false, ..life.build(1, "SUCCEEDED") };
    life.see(described(build));
    assert_eq!(life.row.status(), Status::Running);
    let build = life.build(1, "VAPORIZED");
    life.see(described(build));
    let text = "the build ended after 42 s with a status that is unknown here: VAPORIZED";
    assert_eq!(ending(&life.row), (Status::Error, text));
}

#[test]
fn a_build_that_the_provider_does_not_know_for_an_hour_is_lost() {
    let mut life = Life::running();
    let id = life.row.build().unwrap().id.clone();
    life.see(Seen::NotKnown(id.clone()));
    assert_eq!(life.row.due_at(), Some(life.now + secs(60)));
    life.wait(mins(60) - secs(1)).see(Seen::NotKnown(id.clone()));
    assert!(matches!(life.row.phase, Phase::Running { .. }));
    life.wait(secs(1)).see(Seen::NotKnown(id));
    assert_eq!(ending(&life.row), (Status::Error, "lost by the provider: it does not know the build any more"));
}

#[test]
fn a_build_that_is_seen_again_is_not_lost() {
    let mut life = Life::running();
    let build = life.build(1, "IN_PROGRESS");
    life.see(Seen::NotKnown(build.id.clone()));
    life.wait(mins(59)).see(described(build.clone()));
    life.wait(mins(59)).see(Seen::NotKnown(build.id));
    assert!(matches!(life.row.phase, Phase::Running { .. }));
}

#[test]
fn another_build_that_is_not_known_says_nothing() {
    let mut life = Life::running();
    let before = life.row.clone();
    life.wait(mins(90)).see(Seen::NotKnown(doorbell_messages::BuildId::new("builds:77")));
    assert_eq!(life.row, before);
}

#[test]
fn a_build_older_than_its_limits_and_an_hour_is_lost() {
    // 60 minutes of its own, 8 hours in the provider's queue, and 1 hour.
    let check = |age, is_lost: bool| {
        let mut life = Life::running();
        let build = life.build(1, "IN_PROGRESS");
        life.wait(age).see(described(build));
        assert_eq!(life.row.status() == Status::Error, is_lost, "{age:?}");
    };
    check(mins(10 * 60), false);
    check(mins(10 * 60) + secs(1), true);
}

#[test]
fn a_look_that_fails_is_repeated() {
    let mut life = Life::running();
    life.wait(secs(60)).wake();
    life.see(Seen::LookFailed("ThrottlingException".to_owned()));
    assert_eq!(life.row.due_at(), Some(life.now + secs(60)));
}

#[test]
fn a_second_build_is_stopped_with_a_note_however_often_it_is_seen() {
    for mut life in [Life::running(), Life::ended().0] {
        let second = life.build(2, "IN_PROGRESS");
        let stop = Act::StopSecond { build: second.id.clone(), running: true };
        for _ in 0..2 {
            assert!(life.see(described(second.clone())).contains(&stop));
        }
        assert_eq!(life.row.trail.iter().filter(|note| note.text.contains("second build builds:2")).count(), 1);
        assert_eq!(life.row.build().unwrap().id.as_str(), "builds:1");
    }
}

#[test]
fn a_final_status_never_changes() {
    let (mut life, _) = Life::ended();
    for status in ["FAILED", "IN_PROGRESS", "STOPPED", "SUCCEEDED"] {
        let build = life.build(1, status);
        life.see(described(build));
        assert_eq!(ending(&life.row), (Status::Success, "passed after 42 s"));
    }
}
