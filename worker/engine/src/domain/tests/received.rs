use doorbell_messages::Status;
use serde_json::{Value, json};

use super::{COMMIT, HEAD, Life, commit, ending, head, known, mins, policy, secs, send, told};
use crate::domain::{Act, HeadSeen, Phase, PolicySeen, Seen};

#[track_caller]
fn check_refused(fields: Value, keys: Value, reason: &str) {
    let mut life = Life::of(fields);
    let acts = life.see(known(&policy(keys)));
    assert_eq!(ending(&life.row), (Status::Rejected, reason));
    assert_eq!(send(&acts), None);
}

#[test]
fn every_no_of_the_policy_is_a_row_with_its_reason() {
    check_refused(
        json!({"branch": "feature"}),
        json!({"refs": ["heads/main", "tags/v*"]}),
        "branch feature is not among the refs that project demo may build: heads/main, tags/v*",
    );
    check_refused(
        json!({"branch": "feature"}),
        json!({"defaultBranch": "main"}),
        "branch feature is not among the refs that project demo may build: heads/main",
    );
    check_refused(
        json!({"branch": null, "tag": "v1"}),
        json!({}),
        "tag v1 is not among the refs that project demo may build: heads/*",
    );
    check_refused(json!({"branch": null, "pullRequest": 7}), json!({}), "project demo does not build pull requests");
    check_refused(
        json!({"variables": {"STAGE": "x"}}),
        json!({}),
        "project demo does not let requests set the variable STAGE",
    );
    check_refused(
        json!({"variables": {"LD_PRELOAD": "x"}}),
        json!({"variables": ["LD_PRELOAD"]}),
        "the variable LD_PRELOAD is reserved: no request may set it",
    );
    check_refused(json!({}), json!({"buildProject": null}), "project demo names no build project (buildProject)");
    check_refused(
        json!({"action": "cancel", "id": "a"}),
        json!({}),
        "project demo does not let requests cancel jobs (allowCancel)",
    );
}

#[test]
fn a_row_that_is_new_asks_for_the_policy_and_keeps_its_due_time() {
    let mut life = Life::of(json!({}));
    assert_eq!(life.wake(), [Act::ReadPolicy]);
    assert_eq!(life.row.due_at(), Some(life.now), "a worker that dies while it reads is followed by another");
}

#[test]
fn with_policy_and_commit_known_the_first_write_is_the_claim() {
    let mut life = Life::of(json!({"commit": COMMIT}));
    let acts = life.see(known(&policy(json!({}))));
    assert!(send(&acts).is_some());
    assert!(matches!(life.row.phase, Phase::Starting { attempt: 1, sends: 1, .. }));
}

#[test]
fn without_a_report_the_tip_is_built_and_nobody_is_asked() {
    let mut life = Life::of(json!({}));
    let acts = life.see(known(&policy(json!({"reportTo": null}))));
    let (_, input) = send(&acts).unwrap();
    assert!(!input.contains("DOORBELL_COMMIT\""), "{input}");
    assert_eq!(life.row.target(), None);
}

#[test]
fn the_commit_that_the_forge_names_is_built_and_flagged() {
    let policy = policy(json!({}));
    let mut life = Life::of(json!({}));
    let acts = life.see(known(&policy));
    assert!(matches!(acts.as_slice(), [Act::FindHead { .. }]), "{acts:?}");
    let acts = life.see(head(&policy, HeadSeen::Commit(commit(HEAD))));
    assert!(send(&acts).unwrap().1.contains(HEAD));
    assert_eq!(life.row.target().unwrap().commit, commit(HEAD));
}

#[test]
fn a_ref_that_the_forge_does_not_have_is_refused() {
    let policy = policy(json!({}));
    let mut life = Life::of(json!({}));
    life.see(known(&policy));
    life.see(head(&policy, HeadSeen::Missing("it is not\nin the repository".to_owned())));
    assert_eq!(ending(&life.row), (Status::Rejected, "the forge has no branch main: it is not in the repository"));
    assert!(life.row.settled_at.is_some(), "without a commit there is nobody to tell");
}

#[test]
fn old_news_is_refused_and_news_is_not() {
    let check = |age, is_refused| {
        let mut life = Life::of(json!({"commit": COMMIT}));
        life.wait(age).see(known(&policy(json!({}))));
        assert_eq!(matches!(life.row.phase, Phase::Rejected { .. }), is_refused, "{age:?}");
    };
    check(mins(72 * 60), false);
    check(mins(72 * 60) + secs(1), true);
}

#[test]
fn a_project_that_is_not_registered_is_refused() {
    let mut life = Life::of(json!({"commit": COMMIT}));
    assert_eq!(life.see(Seen::Policy(PolicySeen::Unknown)), []);
    assert_eq!(ending(&life.row), (Status::Rejected, "no project demo is registered"));
    assert!(life.row.settled_at.is_some());
}

#[test]
fn a_document_that_is_wrong_refuses_with_its_words() {
    let mut life = Life::of(json!({}));
    life.see(Seen::Policy(PolicySeen::Wrong("$.command: missing".to_owned())));
    assert_eq!(ending(&life.row), (Status::Rejected, "$.command: missing"));
}

#[test]
fn a_registry_that_is_down_is_waited_for_until_the_queues_timeout() {
    let mut life = Life::of(json!({}));
    let down = || Seen::Policy(PolicySeen::Unavailable("no answer".to_owned()));
    let mut looks = 0;
    while matches!(life.row.phase, Phase::Received) {
        assert_eq!(life.wake_when_due(), [Act::ReadPolicy]);
        life.see(down());
        looks += 1;
    }
    assert_eq!(ending(&life.row), (Status::Error, "the registry could not be read: no answer"));
    let noted = life.row.trail.iter().filter(|note| note.text == "waiting for the registry: no answer").count();
    assert_eq!(noted, 1, "{:?}", life.row.trail);
    assert!(life.now.since(life.row.received_at) >= mins(24 * 60));
    assert!((24 * 12..24 * 20).contains(&looks), "every five minutes in the end, not {looks} times a day");
}

#[test]
fn a_refusal_is_told_only_with_a_report_and_a_full_commit() {
    let check = |fields, keys, is_told: bool| {
        let mut life = Life::of(fields);
        let acts = life.see(known(&policy(keys)));
        assert_eq!(told(&acts).is_some(), is_told, "{acts:?}");
        assert_eq!(life.row.settled_at.is_some(), !is_told);
    };
    check(json!({"commit": COMMIT}), json!({"refs": ["v1"]}), true);
    check(json!({}), json!({"refs": ["v1"]}), false);
    check(json!({"commit": COMMIT}), json!({"refs": ["v1"], "reportTo": null}), false);
    // A cancel that is refused says nothing about the commit.
    check(json!({"commit": COMMIT, "action": "cancel", "id": "a"}), json!({}), false);
}

#[test]
fn a_refusal_that_was_told_settles() {
    let mut life = Life::of(json!({"commit": COMMIT}));
    let acts = life.see(known(&policy(json!({"refs": ["v1"]}))));
    assert_eq!(life.tell_all(acts), [Status::Rejected]);
    assert!(life.row.settled_at.is_some());
}

#[test]
fn an_answer_that_comes_twice_changes_nothing() {
    let policy = policy(json!({}));
    let mut life = Life::of(json!({"commit": COMMIT}));
    life.see(known(&policy));
    let before = life.row.clone();
    assert_eq!(life.see(known(&policy)), []);
    assert_eq!(life.see(head(&policy, HeadSeen::Commit(commit(HEAD)))), []);
    assert_eq!(life.row, before);
}
