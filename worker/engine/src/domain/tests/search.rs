use doorbell_messages::Status;
use serde_json::json;

use super::{JobHarness, RUNNING, SUCCESS, final_result, mins, secs, start_call};
use crate::domain::{BuildQuery, Effect, Observation, Phase, ProviderBuild, Timestamp};

/// Five minutes after a start call whose outcome is unknown.
fn outcome_unknown() -> JobHarness {
    let mut job = JobHarness::starting(json!({"reportTo": null}));
    job.advance(mins(5));
    job
}

fn observe_listing(job: &mut JobHarness, builds: Vec<ProviderBuild>) -> Vec<Effect> {
    let asked_at = job.now;
    job.observe(Observation::BuildsListed { asked_at, builds })
}

fn foreign_build(job: &JobHarness) -> ProviderBuild {
    ProviderBuild { is_own: false, ..job.build(1, RUNNING) }
}

#[test]
fn build_query_reaches_back_before_the_first_start_call() {
    let mut job = outcome_unknown();
    let sent_at = job.row.received_at;
    let effects = job.fire_due();
    let expected = BuildQuery { target: "builds".parse().unwrap(), not_before: sent_at - mins(5), asked_at: job.now };
    assert_eq!(effects, [Effect::QueryBuilds(expected)]);
}

#[test]
fn lowest_own_build_is_adopted_and_duplicates_are_stopped() {
    let mut job = outcome_unknown();
    let builds = [9, 7, 8].map(|number| job.build(number, RUNNING));
    let effects = observe_listing(&mut job, builds.to_vec());
    assert_eq!(job.row.build().unwrap().id.as_str(), "builds:7");
    let stopped: Vec<&str> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::StopDuplicate { build, is_running: true } => Some(build.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(stopped, ["builds:8", "builds:9"]);
}

#[test]
fn ended_build_is_adopted_with_its_final_status() {
    let mut job = outcome_unknown();
    let build = job.build(3, SUCCESS);
    observe_listing(&mut job, vec![build]);
    assert_eq!(final_result(&job.row), (Status::Success, "passed after 42 s"));
}

#[test]
fn foreign_build_is_never_adopted_or_stopped() {
    let job = outcome_unknown();
    let ended = ProviderBuild { is_own: false, ..job.build(2, SUCCESS) };
    let other_job = ProviderBuild { job_id: Some("other".to_owned()), ..job.build(4, RUNNING) };
    let no_job = ProviderBuild { job_id: None, ..job.build(5, RUNNING) };
    for build in [foreign_build(&job), ended, other_job, no_job] {
        let mut job = job.clone();
        let effects = observe_listing(&mut job, vec![build.clone()]);
        assert!(matches!(job.row.phase, Phase::Starting { .. }), "{build:?}");
        assert_eq!(effects, []);
        assert_eq!(job.observe(super::build_described(build)), []);
        assert!(matches!(job.row.phase, Phase::Starting { .. }));
    }
}

#[test]
fn absence_is_confirmed_16_minutes_after_the_last_start_call() {
    let check = |after_the_send, is_believed: bool| {
        let mut job = JobHarness::starting(json!({"reportTo": null}));
        let effects = observe_listing(job.advance(after_the_send), vec![]);
        assert_eq!(start_call(&effects).is_some(), is_believed, "{after_the_send:?}");
    };
    check(mins(5), false);
    check(mins(16) - secs(1), false);
    check(mins(16), true);
}

#[test]
fn absence_window_starts_at_the_last_start_call() {
    let mut job = JobHarness::starting(json!({"reportTo": null}));
    job.advance(secs(230)).fire_due();
    assert_eq!(observe_listing(job.advance(mins(16) - secs(230)), vec![]), [], "sixteen minutes after the first one");
    assert!(start_call(&observe_listing(job.advance(secs(230)), vec![])).is_some());
}

#[test]
fn outdated_query_result_does_not_confirm_absence() {
    let mut job = outcome_unknown();
    let asked_at = job.now;
    job.advance(mins(30));
    assert_eq!(job.observe(Observation::BuildsListed { asked_at, builds: vec![] }), []);
    assert!(matches!(job.row.phase, Phase::Starting { attempt: 1, .. }));
}

#[test]
fn build_query_repeats_until_absence_is_confirmed() {
    let mut job = outcome_unknown();
    let mut searches = 0;
    loop {
        let effects = job.fire_when_due();
        let asked_at = effects.iter().find_map(|effect| match effect {
            Effect::QueryBuilds(search) => Some(search.asked_at),
            _ => None,
        });
        searches += 1;
        if start_call(&job.observe(Observation::BuildsListed { asked_at: asked_at.unwrap(), builds: vec![] })).is_some()
        {
            break;
        }
    }
    assert!((20..30).contains(&searches), "every 30 s for eleven minutes, not {searches} times");
}

#[test]
fn repeated_start_uses_a_new_token_and_reuse_window() {
    let mut job = JobHarness::starting(json!({"reportTo": null}));
    let first = job.config.installation.idempotency_token(&job.row.key, 1);
    let effects = observe_listing(job.advance(mins(16)), vec![]);
    assert_ne!(start_call(&effects).unwrap().0, first);
    let Phase::Starting { attempt: 2, first_sent_at, last_sent_at, start_calls: 1, .. } = job.row.phase else {
        panic!("{:?}", job.row.phase)
    };
    assert_eq!((first_sent_at, last_sent_at), (job.now, job.now));
}

#[test]
fn unknown_start_with_stop_rule_ends_as_error() {
    let mut job = JobHarness::starting(json!({"reportTo": null, "onUnknownStart": "stop"}));
    assert_eq!(observe_listing(job.advance(mins(16)), vec![]), []);
    let text = "unknown whether it started: a person decides (onUnknownStart is stop)";
    assert_eq!(final_result(&job.row), (Status::Error, text));
}

#[test]
fn failing_build_query_never_confirms_absence() {
    let mut job = outcome_unknown();
    for _ in 0..100 {
        assert!(matches!(job.fire_when_due().as_slice(), [Effect::QueryBuilds(_)]));
        job.observe(Observation::QueryFailed("ThrottlingException".to_owned()));
        assert_eq!(job.row.due_at(), Some(job.now + secs(30)), "and soon, but not at once");
    }
    assert!(matches!(job.row.phase, Phase::Starting { attempt: 1, .. }));
}

#[test]
fn event_of_own_build_replaces_a_lost_start_reply() {
    let mut job = outcome_unknown();
    let build = job.build(1, RUNNING);
    job.observe(super::build_described(build));
    assert_eq!(job.row.status(), Status::Running);
    assert!(job.row.due_at() > Some(Timestamp::from_millis(0)));
}

#[test]
fn late_query_result_triggers_another_query() {
    let mut job = JobHarness::starting(json!({"reportTo": null}));
    let asked_at = job.advance(mins(16) - secs(1)).now;
    job.advance(secs(2)).observe(Observation::BuildsListed { asked_at, builds: vec![] });
    assert_eq!(job.row.due_at(), Some(job.now + secs(1)));
}
