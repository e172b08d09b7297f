use doorbell_messages::Status;
use serde_json::{Value, json};

use super::{
    COMMIT, HEAD, JobHarness, commit, final_result, mins, policy, policy_found, ref_resolved, reported, secs,
    start_call,
};
use crate::domain::{Admission, Effect, Observation, Phase, PolicyLookup, RefResolution};

#[track_caller]
fn check_rejected(fields: Value, keys: Value, reason: &str) {
    let mut job = JobHarness::received(fields);
    let effects = job.observe(policy_found(&policy(keys)));
    assert_eq!(final_result(&job.row), (Status::Rejected, reason));
    assert_eq!(start_call(&effects), None);
}

#[test]
fn policy_rejection_is_recorded_with_its_reason() {
    check_rejected(
        json!({"branch": "feature"}),
        json!({"refs": ["heads/main", "tags/v*"]}),
        "branch feature is not among the refs that project demo may build: heads/main, tags/v*",
    );
    check_rejected(
        json!({"branch": "feature"}),
        json!({"defaultBranch": "main"}),
        "branch feature is not among the refs that project demo may build: heads/main",
    );
    check_rejected(
        json!({"branch": null, "tag": "v1"}),
        json!({}),
        "tag v1 is not among the refs that project demo may build: heads/*",
    );
    check_rejected(json!({"branch": null, "pullRequest": 7}), json!({}), "project demo does not build pull requests");
    check_rejected(
        json!({"variables": {"STAGE": "x"}}),
        json!({}),
        "project demo does not let requests set the variable STAGE",
    );
    check_rejected(
        json!({"variables": {"LD_PRELOAD": "x"}}),
        json!({"variables": ["LD_PRELOAD"]}),
        "the variable LD_PRELOAD is reserved: no request may set it",
    );
    check_rejected(json!({}), json!({"buildProject": null}), "project demo names no build project (buildProject)");
    check_rejected(
        json!({"action": "cancel", "id": "a"}),
        json!({}),
        "project demo does not let requests cancel jobs (allowCancel)",
    );
}

#[test]
fn newest_rejects_a_request_whose_commit_nobody_can_resolve() {
    let reason = "the project builds the newest commit of a ref (order): the request names no commit, and the project has \
                  no reportTo whose forge resolves the ref";
    check_rejected(json!({"commit": null}), json!({"order": "newest", "reportTo": null}), reason);
}

#[test]
fn new_row_reads_the_policy_and_stays_due() {
    let mut job = JobHarness::received(json!({}));
    assert_eq!(job.fire_due(), [Effect::ReadPolicy]);
    assert_eq!(job.row.due_at(), Some(job.now), "a worker that dies while it reads is followed by another");
}

#[test]
fn first_write_claims_the_start_with_known_policy_and_commit() {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    let effects = job.observe(policy_found(&policy(json!({}))));
    assert!(start_call(&effects).is_some());
    assert!(matches!(job.row.phase, Phase::Starting { attempt: 1, start_calls: 1, .. }));
}

#[test]
fn project_without_report_builds_the_tip_unresolved() {
    let mut job = JobHarness::received(json!({}));
    let effects = job.observe(policy_found(&policy(json!({"reportTo": null}))));
    let (_, input) = start_call(&effects).unwrap();
    assert!(!input.contains("DOORBELL_COMMIT\""), "{input}");
    assert_eq!(job.row.reports, []);
}

#[test]
fn commit_resolved_by_the_forge_is_built_and_reported() {
    let policy = policy(json!({}));
    let mut job = JobHarness::received(json!({}));
    let effects = job.observe(policy_found(&policy));
    assert!(matches!(effects.as_slice(), [Effect::ResolveRef { .. }]), "{effects:?}");
    let effects = job.observe(ref_resolved(&policy, RefResolution::Commit(commit(HEAD))));
    assert!(start_call(&effects).unwrap().1.contains(HEAD));
    assert_eq!(job.row.reports[0].target.commit, commit(HEAD));
}

#[test]
fn ref_missing_on_the_forge_is_rejected() {
    let policy = policy(json!({}));
    let mut job = JobHarness::received(json!({}));
    job.observe(policy_found(&policy));
    job.observe(ref_resolved(&policy, RefResolution::Missing("it is not\nin the repository".to_owned())));
    assert_eq!(final_result(&job.row), (Status::Rejected, "the forge has no branch main: it is not in the repository"));
    assert!(job.row.settled_at.is_some(), "without a commit there is no report");
}

#[test]
fn request_older_than_max_age_is_rejected() {
    let check = |age, is_refused| {
        let mut job = JobHarness::received(json!({"commit": COMMIT}));
        job.advance(age).observe(policy_found(&policy(json!({}))));
        assert_eq!(matches!(job.row.phase, Phase::Rejected { .. }), is_refused, "{age:?}");
    };
    check(mins(72 * 60), false);
    check(mins(72 * 60) + secs(1), true);
}

#[test]
fn unregistered_project_is_rejected() {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    assert_eq!(job.observe(Observation::PolicyRead(PolicyLookup::NotRegistered)), []);
    assert_eq!(final_result(&job.row), (Status::Rejected, "no project demo is registered"));
    assert!(job.row.settled_at.is_some());
}

#[test]
fn invalid_document_is_rejected_with_its_error() {
    let mut job = JobHarness::received(json!({}));
    job.observe(Observation::PolicyRead(PolicyLookup::Invalid("$.command: missing".to_owned())));
    assert_eq!(final_result(&job.row), (Status::Rejected, "$.command: missing"));
}

#[test]
fn unavailable_registry_is_retried_until_queue_timeout() {
    let mut job = JobHarness::received(json!({}));
    let down = || Observation::PolicyRead(PolicyLookup::Unavailable("no answer".to_owned()));
    let mut looks = 0;
    while matches!(job.row.phase, Phase::Received) {
        assert_eq!(job.fire_when_due(), [Effect::ReadPolicy]);
        job.observe(down());
        looks += 1;
    }
    assert_eq!(final_result(&job.row), (Status::Error, "the registry could not be read: no answer"));
    let noted = job.row.trail.iter().filter(|note| note.message == "waiting for the registry: no answer").count();
    assert_eq!(noted, 1, "{:?}", job.row.trail);
    assert!(job.now.duration_since(job.row.received_at) >= mins(24 * 60));
    assert!((24 * 12..24 * 20).contains(&looks), "every five minutes in the end, not {looks} times a day");
}

#[test]
fn rejection_is_reported_only_with_target_and_full_commit() {
    let check = |fields, keys, is_told: bool| {
        let mut job = JobHarness::received(fields);
        let effects = job.observe(policy_found(&policy(keys)));
        assert_eq!(reported(&effects).is_some(), is_told, "{effects:?}");
        assert_eq!(job.row.settled_at.is_some(), !is_told);
    };
    check(json!({"commit": COMMIT}), json!({"refs": ["v1"]}), true);
    check(json!({}), json!({"refs": ["v1"]}), false);
    check(json!({"commit": COMMIT}), json!({"refs": ["v1"], "reportTo": null}), false);
    // A cancel that is refused says nothing about the commit.
    check(json!({"commit": COMMIT, "action": "cancel", "id": "a"}), json!({}), false);
}

#[test]
fn reported_rejection_settles_the_job() {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    let effects = job.observe(policy_found(&policy(json!({"refs": ["v1"]}))));
    assert_eq!(job.deliver_all(effects), [Status::Rejected]);
    assert!(job.row.settled_at.is_some());
}

#[test]
fn repeated_policy_and_ref_results_change_nothing() {
    let policy = policy(json!({}));
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    job.observe(policy_found(&policy));
    let before = job.row.clone();
    assert_eq!(job.observe(policy_found(&policy)), []);
    assert_eq!(job.observe(ref_resolved(&policy, RefResolution::Commit(commit(HEAD)))), []);
    assert_eq!(job.row, before);
}

#[test]
fn lookup_without_a_forge_permit_waits_until_it_is_called() {
    let policy = policy(json!({}));
    for (forge, seconds) in [(Admission::Queued, 45..=60), (Admission::Closed, 450..=600)] {
        let mut job = JobHarness { forge_admission: forge, ..JobHarness::received(json!({})) };
        assert_eq!(job.observe(policy_found(&policy)), []);
        assert!(matches!(job.row.phase, Phase::Received));
        let wait = job.row.due_at().unwrap().duration_since(job.now).as_secs();
        assert!(seconds.contains(&wait), "{forge:?}: {wait} s");
        job.forge_admission = Admission::Granted;
        assert_eq!(job.fire_due(), [], "it is not due");
        assert_eq!(job.observe(Observation::ForgePermitGranted), [Effect::ReadPolicy]);
        let effects = job.observe(policy_found(&policy));
        assert!(matches!(effects.as_slice(), [Effect::ResolveRef { .. }]), "{effects:?}");
    }
}

#[test]
fn lookup_that_waits_for_the_forge_ends_at_queue_timeout() {
    let policy = policy(json!({}));
    let mut job = JobHarness { forge_admission: Admission::Closed, ..JobHarness::received(json!({})) };
    job.observe(policy_found(&policy));
    job.advance(mins(24 * 60) + secs(1)).observe(policy_found(&policy));
    assert_eq!(final_result(&job.row), (Status::Error, "waited too long for the forge"));
}
