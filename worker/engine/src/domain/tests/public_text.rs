use doorbell_messages::Status;
use serde_json::json;

use super::{COMMIT, JobHarness, failed_stage, final_result, policy, policy_found, reported, secs};
use crate::domain::{BuildOutcome, BuildState, StartOutcome, public_text};

/// What a provider says when it denies a start.
const DENIAL: &str = "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/doorbell-worker/i-0ab is not \
                      authorized to perform: builds:Start on resource: \
                      arn:aws:builds:eu-central-1:123456789012:project/demo because no policy allows it";

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(public_text(text), want);
}

#[test]
fn resource_names_and_account_ids_are_replaced() {
    check(
        DENIAL,
        "AccessDeniedException: User: (resource) is not authorized to perform: builds:Start on resource: (resource) \
         because no policy allows it",
    );
    check("role 'arn:aws-cn:iam::123456789012:role/a/b+c=d,@e', or", "role '(resource),@e', or");
    check("(arn:aws:s3:::bucket/*?x) ARN:aws:iam::1:role/x.", "((resource)) (resource).");
    check("arn:a:b:c:123456789012:d\"arn:x", "(resource)_(resource)");
    check(
        "account 123456789012, 123456789012.dkr/x, acct=123456789012",
        "account (account), (account).dkr/x, acct=(account)",
    );
    check("bucket-123456789012 4-5d0e-5a4b-9c6e-123456789012", "bucket-(account) 4-5d0e-5a4b-9c6e-(account)");
}

#[test]
fn other_numbers_and_names_are_kept() {
    for text in [
        "the command exited with 3 after 1 min 42 s (runner code 242)",
        "1234567890123 12345678901 a123456789012 123456789012a",
        "0123456789abcdef0123456789abcdef01234567",
        "superseded by demo#0b4a1c34-5d0e-5a4b-9c6e-123456789012#0123456789abcdef01234567",
        "warning: no build",
        "tag v1.2 is being built",
        "",
    ] {
        check(text, text);
    }
}

#[test]
fn markup_of_a_branch_name_is_replaced() {
    check("<img/src=x/onerror=a(1)>&amp;`x`[y](z)", "_img/src=x/onerror=a(1)__amp;_x__y_(z)");
    let mut job = JobHarness::received(json!({"commit": COMMIT, "branch": "<img/src=x/onerror=a(1)>"}));
    job.observe(policy_found(&policy(json!({"refs": ["heads/*"]}))));
    let (status, comment) = reported(&job.observe_started(1)).unwrap();
    assert_eq!((status, comment.as_str()), (Status::Running, "branch _img/src=x/onerror=a(1)_ is being built"));
}

#[test]
fn denial_is_kept_in_the_row_and_reported_without_the_role() {
    let mut job = JobHarness::starting(json!({}));
    job.observe_start(StartOutcome::Denied(DENIAL.to_owned()));
    let kept = &job.row.denied_start.as_ref().unwrap().reason;
    assert!(kept.contains("assumed-role/doorbell-worker"), "the owner needs the role: {kept}");
    assert!(job.row.trail.iter().any(|entry| entry.message.contains("assumed-role/doorbell-worker")));
    job.slot_available = false;
    let (_, comment) = reported(&job.advance(secs(10)).fire_due()).unwrap();
    for word in ["arn:", "123456789012", "doorbell-worker"] {
        assert!(!comment.contains(word), "{comment}");
    }
}

#[test]
fn final_message_is_reported_without_the_role() {
    let mut job = JobHarness::running();
    let outcome = BuildOutcome::InfrastructureFailed(Some(failed_stage("DOWNLOAD", DENIAL)));
    let build = job.build(1, BuildState::Ended(outcome));
    let effects = job.observe(super::build_described(build));
    assert!(final_result(&job.row).1.contains("assumed-role/doorbell-worker"));
    let (_, comment) = reported(&effects).unwrap();
    assert!(comment.contains("(resource)") && !comment.contains("123456789012"), "{comment}");
}
