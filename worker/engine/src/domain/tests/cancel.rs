use doorbell_messages::{JobKey, Status};
use serde_json::{Value, json};

use super::{COMMIT, Life, MESSAGE, described, ending, known, mins, policy, request, secs, send};
use crate::domain::{Act, Phase, Row, Seen, SendSeen, Wanted};

/// As the engine marks the row of another job.
fn marked(mut life: Life) -> Life {
    life.row.wanted = Wanted::Cancel;
    life.row.phase_due = Some(life.now);
    life
}

fn cancel_request(fields: Value, keys: Value) -> (Life, Vec<Act>) {
    let mut life = Life::of(fields);
    let acts = life.see(known(&policy(keys)));
    (life, acts)
}

#[test]
fn a_cancel_is_a_row_of_its_own_that_marks_the_job_of_the_same_request() {
    let fields = json!({"id": "a", "commit": COMMIT, "action": "cancel"});
    let (mut life, acts) = cancel_request(fields, json!({"allowCancel": true}));
    let start = JobKey::for_request(&request(json!({"id": "a", "commit": COMMIT})), MESSAGE).unwrap();
    assert_ne!(life.row.key, start);
    assert_eq!(acts, [Act::CancelJob(start)]);
    assert_eq!(life.row.phase_due, Some(life.now + mins(1)), "in case that this worker dies of it");
    life.see(Seen::CancelMarked);
    assert_eq!(ending(&life.row), (Status::Success, "the job is asked to end"));
    assert!(life.row.settled_at.is_some(), "a cancel tells nobody");
}

#[test]
fn a_cancel_that_names_no_request_is_refused() {
    let (life, acts) = cancel_request(json!({"action": "cancel"}), json!({"allowCancel": true}));
    let reason = "a cancel names the id of the request whose job it means, and has none";
    assert_eq!(ending(&life.row), (Status::Rejected, reason));
    assert_eq!(acts, []);
}

#[test]
fn a_cancel_whose_mark_failed_is_tried_again() {
    let (mut life, _) = cancel_request(json!({"id": "a", "action": "cancel"}), json!({"allowCancel": true}));
    life.see(Seen::LookFailed("the ledger did not answer".to_owned()));
    assert_eq!(life.wake_when_due(), [Act::ReadPolicy]);
}

#[test]
fn a_row_is_marked_once_and_while_there_is_something_to_end() {
    let Life { row, now, .. } = Life::running();
    let mark = |row: &Row| row.canceled(now, "by somebody", "w-1".to_owned());
    let marked = mark(&row).unwrap();
    assert_eq!((marked.wanted, marked.phase_due, marked.rev), (Wanted::Cancel, Some(now), row.rev + 1));
    assert_eq!((marked.writer.as_str(), marked.trail.last().unwrap().text.as_str()), ("w-1", "by somebody"));
    assert_eq!(mark(&marked), None, "asked already");
    assert_eq!(mark(&Row { settled_at: Some(now), ..row }), None, "settled");
    assert_eq!(mark(&Life::ended().0.row), None, "ended");
}

#[test]
fn a_job_that_is_canceled_before_its_policy_was_read_never_starts() {
    let mut life = marked(Life::of(json!({"commit": COMMIT})));
    let acts = life.see(known(&policy(json!({}))));
    assert_eq!(ending(&life.row), (Status::Canceled, "canceled before it started"));
    assert_eq!(life.tell_all(acts), [Status::Canceled]);
}

#[test]
fn a_job_that_is_canceled_while_it_waits_never_starts() {
    let mut life = Life::starting(json!({}));
    life.sent(SendSeen::Limited("full".to_owned()));
    let mut life = marked(life);
    assert_eq!(send(&life.wake()), None);
    assert_eq!(ending(&life.row).0, Status::Canceled);
}

#[test]
fn a_canceled_job_sends_nothing_more_and_a_refusal_ends_it() {
    let mut life = marked(Life::starting(json!({})));
    let acts = life.wake();
    assert!(matches!(acts.as_slice(), [Act::SearchBuild(_)]), "its send is in doubt: look, don't send: {acts:?}");
    life.sent(SendSeen::Limited("full".to_owned()));
    assert_eq!(ending(&life.row), (Status::Canceled, "canceled before it started"));
}

#[test]
fn a_build_that_starts_under_a_cancel_is_stopped() {
    let mut life = marked(Life::starting(json!({})));
    life.started(1);
    let acts = life.wake();
    let id = life.row.build().unwrap().id.clone();
    assert!(acts.contains(&Act::StopBuild(id)), "{acts:?}");
}

#[test]
fn a_canceled_start_that_never_was_ends_when_nothing_found_is_believed() {
    let mut life = marked(Life::starting(json!({})));
    life.wait(mins(16));
    let asked_at = life.now;
    assert_eq!(send(&life.see(Seen::Searched { asked_at, builds: vec![] })), None);
    assert_eq!(ending(&life.row).0, Status::Canceled);
}

#[test]
fn a_running_build_is_stopped_again_and_again_until_the_provider_says_stopped() {
    let mut life = marked(Life::running());
    let id = life.row.build().unwrap().id.clone();
    for _ in 0..5 {
        let acts = life.wake_when_due();
        assert_eq!(acts, [Act::StopBuild(id.clone()), Act::Describe(id.clone())]);
        let build = life.build(1, "IN_PROGRESS");
        life.see(described(build));
    }
    let build = life.build(1, "STOPPED");
    life.see(described(build));
    assert_eq!(ending(&life.row), (Status::Canceled, "stopped after 42 s"));
}

#[test]
fn a_build_that_was_faster_than_its_cancel_keeps_its_true_end() {
    let mut life = marked(Life::running());
    life.wake();
    let build = life.build(1, "SUCCEEDED");
    life.see(described(build));
    assert_eq!(ending(&life.row).0, Status::Success);
}

#[test]
fn a_build_under_a_cancel_that_comes_back_is_not_counted_as_gone() {
    let mut life = marked(Life::running());
    let build = life.build(1, "IN_PROGRESS");
    life.see(Seen::NotKnown(build.id.clone()));
    life.wait(mins(30)).see(described(build.clone()));
    life.wait(mins(31)).see(Seen::NotKnown(build.id));
    assert!(matches!(life.row.phase, Phase::Running { .. }), "gone for no time: {:?}", life.row.phase);
}

#[test]
fn a_build_is_asked_to_stop_less_and_less_often() {
    let mut life = marked(Life::running());
    for seconds in [2, 4, 8] {
        let acts = life.wake_when_due();
        assert!(acts.iter().any(|act| matches!(act, Act::StopBuild(_))), "{acts:?}");
        let wait = life.row.phase_due.unwrap().since(life.now);
        assert!((secs(seconds) * 3 / 4..=secs(seconds)).contains(&wait), "{wait:?}");
    }
}
