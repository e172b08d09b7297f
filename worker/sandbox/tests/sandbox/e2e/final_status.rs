//! Reports of the final status, and claims in events and flags that must not be trusted.
use doorbell_sandbox::forge::{FaultScope, ForgeFailure, ForgeFault, TokenScope};
use serde_json::json;

use super::{JOB_TIMEOUT, PASSING_SCRIPT, flag_history, register_demo, single_flag, start_sandbox, trigger};

#[tokio::test]
async fn forged_success_event_does_not_change_failed_build() {
    let sandbox = start_sandbox().await;
    let (_, commit) = register_demo(&sandbox, "#!/bin/sh\nsleep 1\nexit 9\n").await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.wait_for_job(&key, JOB_TIMEOUT, |job| job.build_id().is_some()).await.unwrap();
    let arn = format!("arn:aws:codebuild:eu-central-1:111122223333:build/{}", job.build_id().unwrap());
    let forged = json!({
        "source": "aws.codebuild",
        "detail-type": "CodeBuild Build State Change",
        "detail": { "build-id": arn, "build-status": "SUCCEEDED", "project-name": "doorbell-build" },
    });
    sandbox.account.send_to_queue(&sandbox.account.event_queue_url(), &forged.to_string()).await.unwrap();
    assert_eq!(sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap().status(), "failure");
    assert!(flag_history(&sandbox, &commit).iter().all(|status| *status != "success"));
}

#[tokio::test]
async fn token_rotated_between_two_jobs_is_reloaded() {
    let sandbox = start_sandbox().await;
    let (_, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main", "--id", "before"]).await;
    sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    let fresh = sandbox.forge.create_token(TokenScope::Any, &["commit_flag"]);
    sandbox.account.put_secret("doorbell/report/forge", &fresh).await.unwrap();
    sandbox.forge.revoke(sandbox.report_token());
    let key = trigger(&sandbox, &["demo", "main", "--id", "after"]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert!(job.trail().contains(&"reported to forge: success"), "{job:?}");
    assert_eq!(sandbox.forge.flags(commit.as_str()).len(), 2);
}

#[tokio::test]
async fn pull_request_without_project_permission_is_rejected() {
    let sandbox = start_sandbox().await;
    let (repository, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    repository.commit("feature", &[("more", doorbell_sandbox::git_host::REGULAR_FILE, "x")], "more").await.unwrap();
    let number = sandbox.forge.open_pull_request(&repository, "feature", "please").await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let number = number.to_string();
    let key = trigger(&sandbox, &["demo", "--pull-request", &number, "--commit", commit.as_str()]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!(job.status(), "rejected");
    assert_eq!(single_flag(&sandbox, &commit).status.as_str(), "error");
    assert!(sandbox.builds_of(&key).is_empty());
}

#[tokio::test]
async fn lost_and_failed_reports_are_retried_to_one_correct_flag() {
    let sandbox = start_sandbox().await;
    let (_, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    // "running" is delivered. Of "success" one response is lost after the flag was stored, and one post gets EDBERROR.
    for fault in [
        ForgeFault::Skip,
        ForgeFault::After(ForgeFailure::Disconnect),
        ForgeFault::Before(ForgeFailure::database_error()),
    ] {
        sandbox.forge.fail_next(1, FaultScope::FlagPosts, fault);
    }
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT * 2).await.unwrap();
    assert_eq!(sandbox.forge.remaining_faults(), 0);
    assert!(job.trail().contains(&"reported to forge: success"), "{job:?}");
    assert_eq!(single_flag(&sandbox, &commit).status.as_str(), "success");
}

#[tokio::test]
async fn personal_data_in_forge_responses_is_never_logged() {
    let sandbox = start_sandbox().await;
    register_demo(&sandbox, PASSING_SCRIPT).await;
    let worker = sandbox.start_worker(&[("DOORBELL_LOG", "debug")]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    let log = worker.log().unwrap();
    // A flag's response contains its owner's e-mail addresses, and the request contains the token.
    assert!(!log.contains("@example"), "an e-mail address is in the log");
    assert!(!log.contains(sandbox.report_token()), "the token is in the log");
    assert!(!job.json().to_string().contains(sandbox.report_token()), "the token is in the row");
}
