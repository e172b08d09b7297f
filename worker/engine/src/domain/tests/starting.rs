use doorbell_messages::Status;
use serde_json::json;

use super::{COMMIT, Life, START, ending, known, mins, policy, secs, send};
use crate::domain::{Act, Phase, Seen, SendSeen};

fn limited() -> SendSeen {
    SendSeen::Limited("AccountLimitExceededException".to_owned())
}

fn unknown() -> SendSeen {
    SendSeen::Unknown("no answer".to_owned())
}

#[test]
fn a_claim_holds_for_its_lease_and_then_the_same_bytes_go_with_the_same_token() {
    let mut life = Life::of(json!({"commit": COMMIT}));
    let first = send(&life.see(known(&policy(json!({}))))).unwrap();
    assert_eq!(send(&life.wait(secs(59)).wake()), None, "the claim's worker may still be sending");
    // The registry may have changed by now: what was frozen is what is sent.
    let again = send(&life.wait(secs(1)).wake()).unwrap();
    assert_eq!(again, first);
    assert!(matches!(life.row.phase, Phase::Starting { first_sent_at: START, sends: 2, .. }));
}

#[test]
fn a_token_is_repeated_for_four_minutes_and_then_the_provider_is_searched() {
    let check = |age, repeats: bool| {
        let mut life = Life::starting(json!({}));
        let acts = life.wait(age).wake();
        assert_eq!(send(&acts).is_some(), repeats, "after {age:?}: {acts:?}");
        assert_eq!(acts.iter().any(|act| matches!(act, Act::SearchBuild(_))), !repeats);
    };
    check(mins(4) - secs(1), true);
    check(mins(4), false);
    check(mins(60), false);
}

#[test]
fn the_window_of_a_token_begins_with_its_first_send() {
    let mut life = Life::starting(json!({}));
    for _ in 0..3 {
        assert!(send(&life.wait(secs(75)).wake()).is_some());
    }
    assert_eq!(send(&life.wait(secs(75)).wake()), None, "the last send was 75 s ago, the first one five minutes");
}

#[test]
fn a_refusal_of_the_only_send_gives_the_token_up() {
    for answer in [limited(), SendSeen::Refused("AccessDenied".to_owned()), SendSeen::NotSent] {
        let mut life = Life::of(json!({"commit": COMMIT}));
        let (token, input) = send(&life.see(known(&policy(json!({}))))).unwrap();
        life.sent(answer);
        assert!(matches!(life.row.phase, Phase::Accepted { attempt: 2, .. }), "{:?}", life.row.phase);
        let sent_at = life.now;
        let (next_token, next_input) = send(&life.wake_when_due()).unwrap();
        assert!(life.now > sent_at, "not at once");
        assert_ne!(next_token, token);
        assert_eq!(next_input, input);
        let now = life.now;
        assert!(matches!(life.row.phase, Phase::Starting { first_sent_at, .. } if first_sent_at == now));
    }
}

#[test]
fn a_refusal_after_a_send_in_doubt_says_nothing_about_that_one() {
    for answer in [
        limited(),
        SendSeen::Refused("AccessDenied".to_owned()),
        SendSeen::Invalid("too long".to_owned()),
        SendSeen::NotSent,
    ] {
        let mut life = Life::starting(json!({}));
        life.sent(unknown());
        life.wake_when_due();
        life.sent(answer.clone());
        assert!(matches!(life.row.phase, Phase::Starting { attempt: 1, sends: 2, .. }), "{answer:?}");
    }
}

#[test]
fn the_answer_to_a_token_that_was_given_up_says_nothing_about_the_next_one() {
    let mut life = Life::starting(json!({}));
    life.sent(limited());
    life.wake_when_due();
    assert_eq!(life.attempt(), 2);
    // A worker that was stopped with the first refusal in its hands wakes only now.
    let before = life.row.clone();
    life.see(Seen::Sent { attempt: 1, answer: limited() });
    assert_eq!(life.row, before);
}

#[test]
fn a_build_of_a_token_that_was_given_up_is_still_a_build() {
    let mut life = Life::starting(json!({}));
    life.sent(limited());
    life.wake_when_due();
    let build = life.build(1, "IN_PROGRESS");
    life.see(Seen::Sent { attempt: 1, answer: SendSeen::Started(build.clone()) });
    assert_eq!(life.row.build().unwrap().id, build.id);
    let second = life.build(2, "IN_PROGRESS");
    let acts = life.see(Seen::Sent { attempt: 2, answer: SendSeen::Started(second.clone()) });
    assert!(acts.contains(&Act::StopSecond { build: second.id, running: true }), "{acts:?}");
}

#[test]
fn input_that_the_provider_refuses_ends_the_job_in_its_words() {
    let mut life = Life::starting(json!({}));
    life.sent(SendSeen::Invalid("Invalid\nvariable name".to_owned()));
    assert_eq!(ending(&life.row), (Status::Error, "the provider refused the build: Invalid variable name"));
}

#[test]
fn no_answer_is_asked_again_soon_and_slower_each_time() {
    let mut life = Life::starting(json!({"reportTo": null}));
    let mut waits = Vec::new();
    loop {
        let sent_at = life.now;
        life.sent(unknown());
        let acts = life.wake_when_due();
        waits.push(life.now.since(sent_at));
        if send(&acts).is_none() {
            break;
        }
    }
    assert!(waits[0] <= secs(1), "{waits:?}");
    assert!((8..20).contains(&waits.len()), "{} sends in four minutes", waits.len());
    let doubts = life.row.trail.iter().filter(|note| note.text.starts_with("it is not known whether a build started"));
    assert_eq!(doubts.count(), 1, "{:?}", life.row.trail);
}

#[test]
fn at_a_limit_the_job_waits_and_does_not_fail_before_the_queues_timeout() {
    let mut life = Life::starting(json!({"reportTo": null}));
    let mut sends = 1;
    while life.row.due_at().is_some() {
        if matches!(life.row.phase, Phase::Starting { .. }) {
            life.sent(limited());
        }
        sends += u32::from(send(&life.wake_when_due()).is_some());
    }
    let expected = "waited too long for a build: AccountLimitExceededException";
    assert_eq!(ending(&life.row), (Status::Error, expected));
    assert!(life.now.since(START) > mins(24 * 60));
    assert!((24 * 60..24 * 100).contains(&sends), "about once a minute, not {sends} times a day");
    assert!(life.row.trail.len() < 6, "a day of waiting is not a day of notes: {:?}", life.row.trail);
}

#[test]
fn a_closed_pool_is_not_asked() {
    let mut life = Life::of(json!({"commit": COMMIT}));
    life.pool_open = false;
    assert_eq!(send(&life.see(known(&policy(json!({}))))), None);
    assert!(matches!(life.row.phase, Phase::Accepted { attempt: 1, .. }));
    life.pool_open = true;
    assert!(send(&life.wake_when_due()).is_some());
}

#[test]
fn a_job_that_waits_for_a_place_is_due_less_and_less_often_in_case_that_nobody_calls_it() {
    let mut life = Life::starting(json!({"reportTo": null}));
    life.sent(limited());
    life.pool_open = false;
    for seconds in [16, 32, 60, 60] {
        assert_eq!(send(&life.wake_when_due()), None);
        let wait = life.row.phase_due.unwrap().since(life.now);
        assert!((secs(seconds) * 3 / 4..=secs(seconds)).contains(&wait), "{wait:?}");
    }
}
