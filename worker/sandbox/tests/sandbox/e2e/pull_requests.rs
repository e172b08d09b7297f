//! Pull requests: built without privileges, and the requested head is the one that is built and flagged.
use doorbell_messages::CommitId;
use doorbell_sandbox::git_host::{EXECUTABLE_FILE, GitRepository, REGULAR_FILE};
use doorbell_sandbox::sandbox::{Sandbox, UNPRIVILEGED_BUILD_PROJECT};
use serde_json::json;

use super::{JOB_TIMEOUT, PASSING_SCRIPT, flag_history, register_demo, single_flag, start_sandbox, trigger};

/// Registers a project that builds pull requests, with one from `feature` with this script.
async fn pull_request(sandbox: &Sandbox, script: &str) -> (GitRepository, CommitId, String) {
    let (repository, _) = register_demo(sandbox, PASSING_SCRIPT).await;
    let head = repository.commit("feature", &[("ci.sh", EXECUTABLE_FILE, script)], "a change").await.unwrap();
    let number = sandbox.forge.open_pull_request(&repository, "feature", "please").await.unwrap().to_string();
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["pullRequests"] = json!("unprivileged");
    document["unprivilegedBuildProject"] = json!(UNPRIVILEGED_BUILD_PROJECT);
    document["gitCredentials"] = json!({ "secret": "doorbell/git/demo" });
    sandbox.register_project("demo", &document).await.unwrap();
    (repository, head, number)
}

#[tokio::test]
async fn pull_request_uses_unprivileged_project_and_flags_head() {
    let sandbox = start_sandbox().await;
    // The project's git credentials name a secret that does not exist and that this build's role could not read: a
    // build that reads it ends before its command.
    let script = "#!/bin/sh\n[ \"$DOORBELL_REF\" = refs/pull/1/head ]\n";
    let (_, head, number) = pull_request(&sandbox, script).await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "--pull-request", &number]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!(job.status(), "success", "{job:?}");
    let builds = sandbox.builds_of(&key);
    assert_eq!(builds.len(), 1);
    assert!(builds[0].id.starts_with(&format!("{UNPRIVILEGED_BUILD_PROJECT}:")), "{}", builds[0].id);
    assert_eq!(single_flag(&sandbox, &head).status.as_str(), "success");
}

#[tokio::test]
async fn push_during_build_changes_neither_commit_nor_flag() {
    let sandbox = start_sandbox().await;
    let (repository, head, number) = pull_request(&sandbox, "#!/bin/sh\nsleep 3\n[ ! -e pushed ]\n").await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    // The request names no commit, so the launch freezes the head of that moment.
    let key = trigger(&sandbox, &["demo", "--pull-request", &number]).await;
    sandbox.wait_for_job(&key, JOB_TIMEOUT, |job| job.build_id().is_some()).await.unwrap();
    let pushed = repository.commit("feature", &[("pushed", REGULAR_FILE, "x")], "more").await.unwrap();
    assert_eq!(sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap().status(), "success");
    assert_eq!(flag_history(&sandbox, &head).last(), Some(&"success"));
    assert!(flag_history(&sandbox, &pushed).is_empty(), "the new head has had no build");
}

#[tokio::test]
async fn push_before_build_keeps_the_requested_commit() {
    let sandbox = start_sandbox().await;
    let (repository, head, number) = pull_request(&sandbox, "#!/bin/sh\n[ ! -e pushed ]\n").await;
    let pushed = repository.commit("feature", &[("pushed", REGULAR_FILE, "x")], "more").await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "--pull-request", &number, "--commit", head.as_str()]).await;
    assert_eq!(sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap().status(), "success");
    assert_eq!(single_flag(&sandbox, &head).status.as_str(), "success");
    assert!(flag_history(&sandbox, &pushed).is_empty());
}
