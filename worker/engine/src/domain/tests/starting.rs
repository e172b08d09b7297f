use doorbell_messages::Status;
use serde_json::json;

use super::{COMMIT, JobHarness, START, final_result, mins, policy, policy_found, secs, start_call};
use crate::domain::{Effect, Observation, Phase, StartOutcome};

fn limited() -> StartOutcome {
    StartOutcome::Limited("AccountLimitExceededException".to_owned())
}

fn unknown() -> StartOutcome {
    StartOutcome::Unknown("no answer".to_owned())
}

#[test]
fn a_claim_holds_for_its_lease_and_then_the_same_bytes_go_with_the_same_token() {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    let first = start_call(&job.observe(policy_found(&policy(json!({}))))).unwrap();
    assert_eq!(start_call(&job.advance(secs(59)).fire_due()), None, "the claim's worker may still be sending");
    // The registry may have changed by now: what was frozen is what is sent.
    let again = start_call(&job.advance(secs(1)).fire_due()).unwrap();
    assert_eq!(again, first);
    assert!(matches!(job.row.phase, Phase::Starting { first_sent_at: START, start_calls: 2, .. }));
}

#[test]
fn a_token_is_repeated_for_four_minutes_and_then_the_provider_is_searched() {
    let check = |age, repeats: bool| {
        let mut job = JobHarness::starting(json!({}));
        let effects = job.advance(age).fire_due();
        assert_eq!(start_call(&effects).is_some(), repeats, "after {age:?}: {effects:?}");
        assert_eq!(effects.iter().any(|effect| matches!(effect, Effect::QueryBuilds(_))), !repeats);
    };
    check(mins(4) - secs(1), true);
    check(mins(4), false);
    check(mins(60), false);
}

#[test]
fn the_window_of_a_token_begins_with_its_first_send() {
    let mut job = JobHarness::starting(json!({}));
    for _ in 0..3 {
        assert!(start_call(&job.advance(secs(75)).fire_due()).is_some());
    }
    assert_eq!(
        start_call(&job.advance(secs(75)).fire_due()),
        None,
        "the last send was 75 s ago, the first one five minutes"
    );
}

#[test]
fn a_refusal_of_the_only_send_gives_the_token_up() {
    for answer in [limited(), StartOutcome::Denied("AccessDenied".to_owned()), StartOutcome::NotSent] {
        let mut job = JobHarness::received(json!({"commit": COMMIT}));
        let (token, input) = start_call(&job.observe(policy_found(&policy(json!({}))))).unwrap();
        job.observe_start(answer);
        assert!(matches!(job.row.phase, Phase::Accepted { attempt: 2, .. }), "{:?}", job.row.phase);
        let sent_at = job.now;
        let (next_token, next_input) = start_call(&job.fire_when_due()).unwrap();
        assert!(job.now > sent_at, "not at once");
        assert_ne!(next_token, token);
        assert_eq!(next_input, input);
        let now = job.now;
        assert!(matches!(job.row.phase, Phase::Starting { first_sent_at, .. } if first_sent_at == now));
    }
}

#[test]
fn a_refusal_after_a_send_in_doubt_says_nothing_about_that_one() {
    for answer in [
        limited(),
        StartOutcome::Denied("AccessDenied".to_owned()),
        StartOutcome::Invalid("too long".to_owned()),
        StartOutcome::NotSent,
    ] {
        let mut job = JobHarness::starting(json!({}));
        job.observe_start(unknown());
        job.fire_when_due();
        job.observe_start(answer.clone());
        assert!(matches!(job.row.phase, Phase::Starting { attempt: 1, start_calls: 2, .. }), "{answer:?}");
    }
}

#[test]
fn the_answer_to_a_token_that_was_given_up_says_nothing_about_the_next_one() {
    let mut job = JobHarness::starting(json!({}));
    job.observe_start(limited());
    job.fire_when_due();
    assert_eq!(job.attempt(), 2);
    // A worker that was stopped with the first refusal in its hands wakes only now.
    let before = job.row.clone();
    job.observe(Observation::StartAttempted { attempt: 1, outcome: limited() });
    assert_eq!(job.row, before);
}

#[test]
fn a_build_of_a_token_that_was_given_up_is_still_a_build() {
    let mut job = JobHarness::starting(json!({}));
    job.observe_start(limited());
    job.fire_when_due();
    let build = job.build(1, "IN_PROGRESS");
    job.observe(Observation::StartAttempted { attempt: 1, outcome: StartOutcome::Started(build.clone()) });
    assert_eq!(job.row.build().unwrap().id, build.id);
    let second = job.build(2, "IN_PROGRESS");
    let effects =
        job.observe(Observation::StartAttempted { attempt: 2, outcome: StartOutcome::Started(second.clone()) });
    assert!(effects.contains(&Effect::StopDuplicate { build: second.id, is_running: true }), "{effects:?}");
}

#[test]
fn input_that_the_provider_refuses_ends_the_job_in_its_words() {
    let mut job = JobHarness::starting(json!({}));
    job.observe_start(StartOutcome::Invalid("Invalid\nvariable name".to_owned()));
    assert_eq!(final_result(&job.row), (Status::Error, "the provider refused the build: Invalid variable name"));
}

#[test]
fn no_answer_is_asked_again_soon_and_slower_each_time() {
    let mut job = JobHarness::starting(json!({"report": null}));
    let mut waits = Vec::new();
    loop {
        let sent_at = job.now;
        job.observe_start(unknown());
        let effects = job.fire_when_due();
        waits.push(job.now.running_since(sent_at));
        if start_call(&effects).is_none() {
            break;
        }
    }
    assert!(waits[0] <= secs(1), "{waits:?}");
    assert!((8..20).contains(&waits.len()), "{} sends in four minutes", waits.len());
    let doubts = job.row.trail.iter().filter(|note| note.text.starts_with("it is not known whether a build started"));
    assert_eq!(doubts.count(), 1, "{:?}", job.row.trail);
}

#[test]
fn at_a_limit_the_job_waits_and_does_not_fail_before_the_queues_timeout() {
    let mut job = JobHarness::starting(json!({"report": null}));
    let mut sends = 1;
    while job.row.due_at().is_some() {
        if matches!(job.row.phase, Phase::Starting { .. }) {
            job.observe_start(limited());
        }
        sends += u32::from(start_call(&job.fire_when_due()).is_some());
    }
    let expected = "waited too long for a build: AccountLimitExceededException";
    assert_eq!(final_result(&job.row), (Status::Error, expected));
    assert!(job.now.running_since(START) > mins(24 * 60));
    assert!((24 * 60..24 * 100).contains(&sends), "about once a minute, not {sends} times a day");
    assert!(job.row.trail.len() < 6, "a day of waiting is not a day of notes: {:?}", job.row.trail);
}

#[test]
fn a_closed_pool_is_not_asked() {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    job.slot_available = false;
    assert_eq!(start_call(&job.observe(policy_found(&policy(json!({}))))), None);
    assert!(matches!(job.row.phase, Phase::Accepted { attempt: 1, .. }));
    job.slot_available = true;
    assert!(start_call(&job.fire_when_due()).is_some());
}

#[test]
fn a_job_that_waits_for_a_place_is_due_less_and_less_often_in_case_that_nobody_calls_it() {
    let mut job = JobHarness::starting(json!({"report": null}));
    job.observe_start(limited());
    job.slot_available = false;
    for seconds in [16, 32, 60, 60] {
        assert_eq!(start_call(&job.fire_when_due()), None);
        let wait = job.row.phase_due_at.unwrap().running_since(job.now);
        assert!((secs(seconds) * 3 / 4..=secs(seconds)).contains(&wait), "{wait:?}");
    }
}
