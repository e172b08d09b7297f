use doorbell_messages::Status;
use serde_json::json;

use super::{Life, ending, mins, secs, send};
use crate::domain::{Act, Phase, ProviderBuild, Search, Seen, Timestamp};

/// Five minutes after a send that nobody heard of again.
fn in_doubt() -> Life {
    let mut life = Life::starting(json!({"reportTo": null}));
    life.wait(mins(5));
    life
}

fn searched(life: &mut Life, builds: Vec<ProviderBuild>) -> Vec<Act> {
    let asked_at = life.now;
    life.see(Seen::Searched { asked_at, builds })
}

fn foreign(life: &Life) -> ProviderBuild {
    ProviderBuild { initiator: Some("somebody/else".to_owned()), ..life.build(1, "IN_PROGRESS") }
}

#[test]
fn the_search_goes_back_past_the_first_send() {
    let mut life = in_doubt();
    let sent_at = life.row.received_at;
    let acts = life.wake();
    let expected =
        Search { build_project: "builds".parse().unwrap(), not_before: sent_at - mins(5), asked_at: life.now };
    assert_eq!(acts, [Act::SearchBuild(expected)]);
}

#[test]
fn the_lowest_of_our_builds_is_adopted_and_the_others_are_stopped() {
    let mut life = in_doubt();
    let builds = [9, 7, 8].map(|number| life.build(number, "IN_PROGRESS"));
    let acts = searched(&mut life, builds.to_vec());
    assert_eq!(life.row.build().unwrap().id.as_str(), "builds:7");
    let stopped: Vec<&str> = acts
        .iter()
        .filter_map(|act| match act {
            Act::StopSecond { build, running: true } => Some(build.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(stopped, ["builds:8", "builds:9"]);
}

#[test]
fn a_build_that_has_ended_is_adopted_with_its_end() {
    let mut life = in_doubt();
    let build = life.build(3, "SUCCEEDED");
    searched(&mut life, vec![build]);
    assert_eq!(ending(&life.row), (Status::Success, "passed after 42 s"));
}

#[test]
fn what_is_not_ours_is_never_adopted_or_stopped() {
    let life = in_doubt();
    let no_initiator = ProviderBuild { initiator: None, ..life.build(2, "IN_PROGRESS") };
    let like_ours = ProviderBuild { initiator: Some("doorbell-worker-2/x".to_owned()), ..life.build(3, "IN_PROGRESS") };
    let other_job = ProviderBuild { job_id: Some("other".to_owned()), ..life.build(4, "IN_PROGRESS") };
    let no_job = ProviderBuild { job_id: None, ..life.build(5, "IN_PROGRESS") };
    for build in [foreign(&life), no_initiator, like_ours, other_job, no_job] {
        let mut life = life.clone();
        let acts = searched(&mut life, vec![build.clone()]);
        assert!(matches!(life.row.phase, Phase::Starting { .. }), "{build:?}");
        assert_eq!(acts, []);
        assert_eq!(life.see(super::described(build)), []);
        assert!(matches!(life.row.phase, Phase::Starting { .. }));
    }
}

#[test]
fn nothing_found_is_believed_only_sixteen_minutes_after_the_last_send() {
    let check = |after_the_send, is_believed: bool| {
        let mut life = Life::starting(json!({"reportTo": null}));
        let acts = searched(life.wait(after_the_send), vec![]);
        assert_eq!(send(&acts).is_some(), is_believed, "{after_the_send:?}");
    };
    check(mins(5), false);
    check(mins(16) - secs(1), false);
    check(mins(16), true);
}

#[test]
fn the_last_send_counts_and_not_the_first() {
    let mut life = Life::starting(json!({"reportTo": null}));
    life.wait(secs(230)).wake();
    assert_eq!(searched(life.wait(mins(16) - secs(230)), vec![]), [], "sixteen minutes after the first one");
    assert!(send(&searched(life.wait(secs(230)), vec![])).is_some());
}

#[test]
fn an_answer_to_an_older_question_is_not_believed_however_late_it_comes() {
    let mut life = in_doubt();
    let asked_at = life.now;
    life.wait(mins(30));
    assert_eq!(life.see(Seen::Searched { asked_at, builds: vec![] }), []);
    assert!(matches!(life.row.phase, Phase::Starting { attempt: 1, .. }));
}

#[test]
fn the_search_is_repeated_until_it_is_believed() {
    let mut life = in_doubt();
    let mut searches = 0;
    loop {
        let acts = life.wake_when_due();
        let asked_at = acts.iter().find_map(|act| match act {
            Act::SearchBuild(search) => Some(search.asked_at),
            _ => None,
        });
        searches += 1;
        if send(&life.see(Seen::Searched { asked_at: asked_at.unwrap(), builds: vec![] })).is_some() {
            break;
        }
    }
    assert!((20..30).contains(&searches), "every 30 s for eleven minutes, not {searches} times");
}

#[test]
fn a_repeated_start_has_another_token_and_a_window_of_its_own() {
    let mut life = Life::starting(json!({"reportTo": null}));
    let first = life.rules.deployment.token(&life.row.key, 1);
    let acts = searched(life.wait(mins(16)), vec![]);
    assert_ne!(send(&acts).unwrap().0, first);
    let Phase::Starting { attempt: 2, first_sent_at, last_sent_at, sends: 1, .. } = life.row.phase else {
        panic!("{:?}", life.row.phase)
    };
    assert_eq!((first_sent_at, last_sent_at), (life.now, life.now));
}

#[test]
fn where_a_second_deploy_is_worse_than_none_a_person_decides() {
    let mut life = Life::starting(json!({"reportTo": null, "onUnknownStart": "stop"}));
    assert_eq!(searched(life.wait(mins(16)), vec![]), []);
    let text = "unknown whether it started: a person decides (onUnknownStart is stop)";
    assert_eq!(ending(&life.row), (Status::Error, text));
}

#[test]
fn a_list_that_fails_is_unknown_for_ever() {
    let mut life = in_doubt();
    for _ in 0..100 {
        assert!(matches!(life.wake_when_due().as_slice(), [Act::SearchBuild(_)]));
        life.see(Seen::LookFailed("ThrottlingException".to_owned()));
        assert_eq!(life.row.due_at(), Some(life.now + secs(30)), "and soon, but not at once");
    }
    assert!(matches!(life.row.phase, Phase::Starting { attempt: 1, .. }));
}

#[test]
fn an_event_of_our_build_is_as_good_as_the_answer_that_was_lost() {
    let mut life = in_doubt();
    let build = life.build(1, "IN_PROGRESS");
    life.see(super::described(build));
    assert_eq!(life.row.status(), Status::Running);
    assert!(life.row.due_at() > Some(Timestamp::from_millis(0)));
}

#[test]
fn an_answer_that_comes_after_the_sixteen_minutes_it_was_asked_before_is_asked_for_again_after_a_second() {
    let mut life = Life::starting(json!({"reportTo": null}));
    let asked_at = life.wait(mins(16) - secs(1)).now;
    life.wait(secs(2)).see(Seen::Searched { asked_at, builds: vec![] });
    assert_eq!(life.row.due_at(), Some(life.now + secs(1)));
}
