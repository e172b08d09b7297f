//! A worker that is killed between sending StartBuild and receiving the response.
use std::time::Duration;

use doorbell_sandbox::sandbox::Sandbox;

use super::{JOB_TIMEOUT, PASSING_SCRIPT, register_demo, single_flag, start_sandbox, trigger};

/// A claim's lease: other workers skip the row meanwhile.
const CLAIM_LEASE: Duration = Duration::from_secs(61);

/// Longer than a token is repeated, and longer than CodeBuild's own five minutes.
const PAST_TOKEN_EXPIRY: Duration = Duration::from_secs(6 * 60);

/// Kills the worker while CodeBuild holds the reply; the build runs nevertheless.
async fn kill_while_starting(sandbox: &Sandbox) -> String {
    sandbox.codebuild.controls.hold_replies("StartBuild");
    let worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(sandbox, &["demo", "main"]).await;
    tokio::time::timeout(JOB_TIMEOUT, sandbox.codebuild.controls.wait_until_held(1)).await.unwrap();
    worker.kill().await.unwrap();
    sandbox.codebuild.controls.release_replies();
    assert_eq!(sandbox.job(&key).await.unwrap().unwrap().phase(), "starting");
    key
}

async fn start_calls(sandbox: &Sandbox) -> u64 {
    sandbox.codebuild.controls.call_counts().get("StartBuild").copied().unwrap_or_default()
}

#[tokio::test]
async fn killed_start_is_repeated_with_same_token_and_one_build() {
    let sandbox = start_sandbox().await;
    let (_, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let key = kill_while_starting(&sandbox).await;
    sandbox.backdate_job(&key, CLAIM_LEASE).await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!(job.status(), "success");
    assert_eq!(sandbox.builds_of(&key).len(), 1);
    assert_eq!(single_flag(&sandbox, &commit).status.as_str(), "success");
}

#[tokio::test]
async fn expired_token_makes_next_worker_find_the_existing_build() {
    let sandbox = start_sandbox().await;
    let (_, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let key = kill_while_starting(&sandbox).await;
    sandbox.codebuild.controls.expire_tokens();
    sandbox.backdate_job(&key, PAST_TOKEN_EXPIRY).await.unwrap();
    // Events would reveal the build; without them the worker must search for it.
    sandbox
        .codebuild
        .controls
        .set_event_mode(doorbell_sandbox::codebuild::EventMode { lose_percent: 100, ..Default::default() });
    let before = start_calls(&sandbox).await;
    let _worker = sandbox.start_worker(&[("DOORBELL_BUILD_POLL_INTERVAL", "1s")]).await.unwrap();
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!(job.status(), "success");
    assert_eq!(sandbox.builds_of(&key).len(), 1);
    assert_eq!(start_calls(&sandbox).await, before, "an expired token must not be sent");
    assert_eq!(single_flag(&sandbox, &commit).status.as_str(), "success");
}
