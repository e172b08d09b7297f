//! A worker that is killed between sending StartBuild and hearing of the build.
use std::time::Duration;

use doorbell_sandbox::sandbox::Sandbox;

use super::{JOB, PASSING, demo, flag, sandbox, trigger};

/// How long a claim keeps other workers off a row.
const LEASE: Duration = Duration::from_secs(61);

/// Past the time in which a token is repeated, and past CodeBuild's own five minutes.
const TOKEN_DEAD: Duration = Duration::from_secs(6 * 60);

/// Kills the worker while CodeBuild keeps the reply back; the build runs all the same.
async fn killed_while_starting(sandbox: &Sandbox) -> String {
    sandbox.codebuild.controls.hold_replies_of("StartBuild");
    let worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(sandbox, &["demo", "main"]).await;
    tokio::time::timeout(JOB, sandbox.codebuild.controls.until_held(1)).await.unwrap();
    worker.kill().await.unwrap();
    sandbox.codebuild.controls.release();
    assert_eq!(sandbox.job(&key).await.unwrap().unwrap().phase(), "starting");
    key
}

async fn starts(sandbox: &Sandbox) -> u64 {
    sandbox.codebuild.controls.calls().get("StartBuild").copied().unwrap_or_default()
}

#[tokio::test]
async fn the_next_worker_repeats_the_token_and_gets_the_same_build() {
    let sandbox = sandbox().await;
    let (_, commit) = demo(&sandbox, PASSING).await;
    let key = killed_while_starting(&sandbox).await;
    sandbox.age_job(&key, LEASE).await.unwrap();
    let _worker = sandbox.worker(&[]).await.unwrap();
    let job = sandbox.until_settled(&key, JOB).await.unwrap();
    assert_eq!(job.status(), "success");
    assert_eq!(sandbox.builds_of(&key).len(), 1);
    assert_eq!(flag(&sandbox, &commit).status.as_str(), "success");
}

#[tokio::test]
async fn with_the_token_expired_the_next_worker_finds_the_build_and_sends_nothing() {
    let sandbox = sandbox().await;
    let (_, commit) = demo(&sandbox, PASSING).await;
    let key = killed_while_starting(&sandbox).await;
    sandbox.codebuild.controls.expire_tokens();
    sandbox.age_job(&key, TOKEN_DEAD).await.unwrap();
    // Events would show the build; without them the worker has to look for it.
    sandbox
        .codebuild
        .controls
        .events(doorbell_sandbox::codebuild::EventMode { lose_percent: 100, ..Default::default() });
    let before = starts(&sandbox).await;
    let _worker = sandbox.worker(&[("DOORBELL_BUILD_POLL_INTERVAL", "1s")]).await.unwrap();
    let job = sandbox.until_settled(&key, JOB).await.unwrap();
    assert_eq!(job.status(), "success");
    assert_eq!(sandbox.builds_of(&key).len(), 1);
    assert_eq!(starts(&sandbox).await, before, "a token that is dead must not be sent");
    assert_eq!(flag(&sandbox, &commit).status.as_str(), "success");
}
