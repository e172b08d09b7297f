use doorbell_messages::Status;
use serde_json::json;

use super::{
    COMMIT, HEAD, JobHarness, RUNNING, START, commit, final_result, mins, policy, policy_found, ref_resolved, secs,
    start_call,
};
use crate::domain::{Effect, Observation, Phase, RefResolution, StartOutcome};

fn limited() -> StartOutcome {
    StartOutcome::Limited("AccountLimitExceededException".to_owned())
}

fn unknown() -> StartOutcome {
    StartOutcome::Unknown("no answer".to_owned())
}

#[test]
fn expired_claim_repeats_the_same_call_and_token() {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    let first = start_call(&job.observe(policy_found(&policy(json!({}))))).unwrap();
    assert_eq!(start_call(&job.advance(secs(59)).fire_due()), None, "the claim's worker may still be sending");
    // The registry may have changed by now: what was frozen is what is sent.
    let again = start_call(&job.advance(secs(1)).fire_due()).unwrap();
    assert_eq!(again, first);
    assert!(matches!(job.row.phase, Phase::Starting { first_sent_at: START, start_calls: 2, .. }));
}

#[test]
fn token_is_reused_for_four_minutes_before_querying_builds() {
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
fn token_reuse_window_starts_at_the_first_call() {
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
fn definite_refusal_of_the_only_call_drops_the_token() {
    for answer in [limited(), StartOutcome::Throttled("Rate exceeded".to_owned()), StartOutcome::NotSent] {
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
fn refusal_after_an_unknown_call_leaves_it_unknown() {
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
fn outcome_of_a_dropped_token_is_ignored() {
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
fn build_of_a_dropped_token_is_adopted() {
    let mut job = JobHarness::starting(json!({}));
    job.observe_start(limited());
    job.fire_when_due();
    let build = job.build(1, RUNNING);
    job.observe(Observation::StartAttempted { attempt: 1, outcome: StartOutcome::Started(build.clone()) });
    assert_eq!(job.row.build().unwrap().id, build.id);
    let second = job.build(2, RUNNING);
    let effects =
        job.observe(Observation::StartAttempted { attempt: 2, outcome: StartOutcome::Started(second.clone()) });
    assert!(effects.contains(&Effect::StopDuplicate { build: second.id, is_running: true }), "{effects:?}");
}

#[test]
fn invalid_build_input_ends_the_job_with_provider_error() {
    let mut job = JobHarness::starting(json!({}));
    job.observe_start(StartOutcome::Invalid("Invalid\nvariable name".to_owned()));
    assert_eq!(final_result(&job.row), (Status::Error, "the provider refused the build: Invalid variable name"));
}

#[test]
fn unknown_start_is_repeated_with_backoff() {
    let mut job = JobHarness::starting(json!({"reportTo": null}));
    let mut waits = Vec::new();
    loop {
        let sent_at = job.now;
        job.observe_start(unknown());
        let effects = job.fire_when_due();
        waits.push(job.now.duration_since(sent_at));
        if start_call(&effects).is_none() {
            break;
        }
    }
    assert!(waits[0] <= secs(1), "{waits:?}");
    assert!((8..20).contains(&waits.len()), "{} sends in four minutes", waits.len());
    let doubts = job.row.trail.iter().filter(|note| note.message.starts_with("start outcome unknown"));
    assert_eq!(doubts.count(), 1, "{:?}", job.row.trail);
}

#[test]
fn throttled_job_waits_until_queue_timeout() {
    let mut job = JobHarness::starting(json!({"reportTo": null}));
    let mut sends = 1;
    while job.row.due_at().is_some() {
        if matches!(job.row.phase, Phase::Starting { .. }) {
            job.observe_start(limited());
        }
        sends += u32::from(start_call(&job.fire_when_due()).is_some());
    }
    let expected = "waited too long for a build: AccountLimitExceededException";
    assert_eq!(final_result(&job.row), (Status::Error, expected));
    assert!(job.now.duration_since(START) > mins(24 * 60));
    assert!((24 * 60..24 * 100).contains(&sends), "about once a minute, not {sends} times a day");
    assert!(job.row.trail.len() < 6, "a day of waiting is not a day of notes: {:?}", job.row.trail);
}

#[test]
fn start_is_not_called_without_a_free_slot() {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    job.slot_available = false;
    assert_eq!(start_call(&job.observe(policy_found(&policy(json!({}))))), None);
    assert!(matches!(job.row.phase, Phase::Accepted { attempt: 1, .. }));
    job.slot_available = true;
    assert!(start_call(&job.fire_when_due()).is_some());
}

#[test]
fn waiting_job_backs_off_when_no_slot_frees_up() {
    let mut job = JobHarness::starting(json!({"reportTo": null}));
    job.observe_start(limited());
    job.slot_available = false;
    for seconds in [16, 32, 60, 60] {
        assert_eq!(start_call(&job.fire_when_due()), None);
        let wait = job.row.phase_due_at.unwrap().duration_since(job.now);
        assert!((secs(seconds) * 3 / 4..=secs(seconds)).contains(&wait), "{wait:?}");
    }
}

fn denied() -> StartOutcome {
    StartOutcome::Denied("ResourceNotFoundException: no project builds".to_owned())
}

#[test]
fn denied_start_reads_the_policy_again_and_freezes_anew() {
    let mut job = JobHarness::received(json!({}));
    let first = policy(json!({}));
    job.observe(policy_found(&first));
    let effects = job.observe(ref_resolved(&first, RefResolution::Commit(commit(HEAD))));
    let (token, _) = start_call(&effects).unwrap();
    job.observe_start(denied());
    assert!(matches!(job.row.phase, Phase::Received), "{:?}", job.row.phase);
    assert_eq!(job.fire_due(), [], "not at once");
    assert_eq!(job.fire_when_due(), [Effect::ReadPolicy]);
    // The branch may have moved: the commit that the flag is on is built.
    let effects = job.observe(policy_found(&policy(json!({"buildProject": "renamed"}))));
    let (next_token, input) = start_call(&effects).unwrap();
    assert_ne!(next_token, token);
    assert!(input.contains("renamed") && input.contains(HEAD), "{input}");
    assert_eq!((job.attempt(), job.row.reports.len()), (2, 1));
}

#[test]
fn denied_start_beside_a_doubtful_one_keeps_its_launch() {
    let mut job = JobHarness::starting(json!({}));
    job.row.start_in_doubt = true;
    job.observe_start(denied());
    assert!(matches!(job.row.phase, Phase::Accepted { attempt: 2, .. }), "{:?}", job.row.phase);
}

#[test]
fn build_of_a_denied_start_is_adopted() {
    let mut job = JobHarness::starting(json!({}));
    job.observe_start(denied());
    let build = job.build(1, RUNNING);
    job.observe(Observation::BuildDescribed { build: build.clone(), claims_final: false });
    assert_eq!(job.row.build().unwrap().id, build.id);
    assert_eq!(job.row.denied_start, None);
}

#[test]
fn start_denied_for_a_day_is_retried_slowly_with_few_notes() {
    let mut job = JobHarness::starting(json!({"reportTo": null}));
    let mut sends = 1;
    while job.row.due_at().is_some() {
        if matches!(job.row.phase, Phase::Starting { .. }) {
            job.observe_start(denied());
        }
        let effects = match job.fire_when_due().as_slice() {
            [Effect::ReadPolicy] => job.observe(policy_found(&policy(json!({"reportTo": null})))),
            effects => effects.to_vec(),
        };
        sends += u32::from(start_call(&effects).is_some());
    }
    let expected = "waited too long for a build: ResourceNotFoundException: no project builds";
    assert_eq!(final_result(&job.row), (Status::Error, expected));
    assert!(sends < 24 * 20, "{sends} sends in a day");
    assert!(job.row.trail.len() < 6, "{:?}", job.row.trail);
}

#[test]
fn job_canceled_while_its_start_is_denied_ends() {
    let mut job = JobHarness::starting(json!({}));
    job.observe_start(denied());
    job.row = job.row.with_cancel_requested(job.now, job.now, "canceled").unwrap();
    assert_eq!(job.fire_due(), [Effect::ReadPolicy]);
    job.observe(policy_found(&policy(json!({}))));
    assert_eq!(job.row.status(), Status::Canceled);
}
