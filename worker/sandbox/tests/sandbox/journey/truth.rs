//! What a forge and a queue are told, and what is believed of them.
use doorbell_sandbox::forge::{Calls, Failure, Fault, TokenScope};
use serde_json::json;

use super::{JOB, PASSING, demo, flag, sandbox, trigger};

#[tokio::test]
async fn a_forged_event_does_not_make_a_failed_build_green() {
    let sandbox = sandbox().await;
    let (_, commit) = demo(&sandbox, "#!/bin/sh\nsleep 1\nexit 9\n").await;
    let _worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.until_job(&key, JOB, |job| job.build().is_some()).await.unwrap();
    let arn = format!("arn:aws:codebuild:eu-central-1:111122223333:build/{}", job.build().unwrap());
    let forged = json!({
        "source": "aws.codebuild",
        "detail-type": "CodeBuild Build State Change",
        "detail": { "build-id": arn, "build-status": "SUCCEEDED", "project-name": "doorbell-build" },
    });
    sandbox.world.send_to_queue(&sandbox.world.event_queue_url(), &forged.to_string()).await.unwrap();
    assert_eq!(sandbox.until_settled(&key, JOB).await.unwrap().status(), "failure");
    assert!(super::shown(&sandbox, &commit).iter().all(|status| *status != "success"));
}

#[tokio::test]
async fn a_token_that_was_rotated_is_read_afresh() {
    let sandbox = sandbox().await;
    let (_, commit) = demo(&sandbox, PASSING).await;
    let _worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main", "--id", "before"]).await;
    sandbox.until_settled(&key, JOB).await.unwrap();
    let fresh = sandbox.forge.create_token(TokenScope::Any, &["commit_flag"]);
    sandbox.world.put_secret("doorbell/report/forge", &fresh).await.unwrap();
    sandbox.forge.revoke(sandbox.report_token());
    let key = trigger(&sandbox, &["demo", "main", "--id", "after"]).await;
    let job = sandbox.until_settled(&key, JOB).await.unwrap();
    assert!(job.trail().contains(&"reported to forge: success"), "{job:?}");
    assert_eq!(sandbox.forge.flags(commit.as_str()).len(), 2);
}

#[tokio::test]
async fn a_pull_request_is_rejected_unless_the_project_builds_them() {
    let sandbox = sandbox().await;
    let (repository, commit) = demo(&sandbox, PASSING).await;
    repository.commit("feature", &[("more", doorbell_sandbox::forge::PLAIN, "x")], "more").await.unwrap();
    let number = repository.open_pull_request("feature", "please").await.unwrap();
    let _worker = sandbox.worker(&[]).await.unwrap();
    let number = number.to_string();
    let key = trigger(&sandbox, &["demo", "--pull-request", &number, "--commit", commit.as_str()]).await;
    let job = sandbox.until_settled(&key, JOB).await.unwrap();
    assert_eq!(job.status(), "rejected");
    assert_eq!(flag(&sandbox, &commit).status.as_str(), "error");
    assert!(sandbox.builds_of(&key).is_empty());
}

#[tokio::test]
async fn a_forge_that_fails_and_loses_its_answer_is_told_again_and_shows_the_truth_once() {
    let sandbox = sandbox().await;
    let (_, commit) = demo(&sandbox, PASSING).await;
    // "running" goes through; of "success" one answer is lost after the work was done, and one post collides.
    for fault in [Fault::Spare, Fault::After(Failure::Disconnect), Fault::Before(Failure::database_error())] {
        sandbox.forge.fail_next(1, Calls::FlagPosts, fault);
    }
    let _worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.until_settled(&key, JOB * 2).await.unwrap();
    assert_eq!(sandbox.forge.faults_left(), 0);
    assert!(job.trail().contains(&"reported to forge: success"), "{job:?}");
    assert_eq!(flag(&sandbox, &commit).status.as_str(), "success");
}

#[tokio::test]
async fn what_a_forge_says_of_people_is_never_logged() {
    let sandbox = sandbox().await;
    demo(&sandbox, PASSING).await;
    let worker = sandbox.worker(&[("DOORBELL_LOG", "debug")]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.until_settled(&key, JOB).await.unwrap();
    let log = worker.log().unwrap();
    // A flag's answer names its owner's addresses, and the request carries the token.
    assert!(!log.contains("@example"), "an e-mail address is in the log");
    assert!(!log.contains(sandbox.report_token()), "the token is in the log");
    assert!(!job.json().to_string().contains(sandbox.report_token()), "the token is in the row");
}
