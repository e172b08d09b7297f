//! Code from outside: built apart, and the head that was asked for is the one that is built and flagged.
use doorbell_messages::CommitId;
use doorbell_sandbox::forge::{EXECUTABLE, PLAIN, Repository};
use doorbell_sandbox::sandbox::{Sandbox, UNPRIVILEGED_BUILD_PROJECT};
use serde_json::json;

use super::{JOB, PASSING, demo, flag, sandbox, shown, trigger};

/// A project that builds pull requests, and one from `feature` with this script.
async fn pull_request(sandbox: &Sandbox, script: &str) -> (Repository, CommitId, String) {
    let (repository, _) = demo(sandbox, PASSING).await;
    let head = repository.commit("feature", &[("ci.sh", EXECUTABLE, script)], "a change").await.unwrap();
    let number = repository.open_pull_request("feature", "please").await.unwrap().to_string();
    let mut document = sandbox.document(&repository, &json!("./ci.sh"));
    document["pullRequests"] = json!("unprivileged");
    document["unprivilegedBuildProject"] = json!(UNPRIVILEGED_BUILD_PROJECT);
    document["gitCredentials"] = json!({ "secret": "doorbell/git/demo" });
    sandbox.register("demo", &document).await.unwrap();
    (repository, head, number)
}

#[tokio::test]
async fn a_pull_request_is_built_apart_and_its_head_gets_the_flag() {
    let sandbox = sandbox().await;
    // The project's git credentials name a secret that is not there, and that this build's role could not read: a build
    // that asks for it ends before its command.
    let script = "#!/bin/sh\n[ \"$DOORBELL_REF\" = refs/pull/1/head ]\n";
    let (_, head, number) = pull_request(&sandbox, script).await;
    let _worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "--pull-request", &number]).await;
    let job = sandbox.until_settled(&key, JOB).await.unwrap();
    assert_eq!(job.status(), "success", "{job:?}");
    let builds = sandbox.builds_of(&key);
    assert_eq!(builds.len(), 1);
    assert!(builds[0].id.starts_with(&format!("{UNPRIVILEGED_BUILD_PROJECT}:")), "{}", builds[0].id);
    assert_eq!(flag(&sandbox, &head).status.as_str(), "success");
}

#[tokio::test]
async fn a_push_during_the_build_changes_neither_what_is_built_nor_what_is_flagged() {
    let sandbox = sandbox().await;
    let (repository, head, number) = pull_request(&sandbox, "#!/bin/sh\nsleep 3\n[ ! -e pushed ]\n").await;
    let _worker = sandbox.worker(&[]).await.unwrap();
    // Nobody names the commit: it is the head of the moment at which the launch is frozen.
    let key = trigger(&sandbox, &["demo", "--pull-request", &number]).await;
    sandbox.until_job(&key, JOB, |job| job.build().is_some()).await.unwrap();
    let pushed = repository.commit("feature", &[("pushed", PLAIN, "x")], "more").await.unwrap();
    assert_eq!(sandbox.until_settled(&key, JOB).await.unwrap().status(), "success");
    assert_eq!(shown(&sandbox, &head).last(), Some(&"success"));
    assert!(shown(&sandbox, &pushed).is_empty(), "the new head has had no build");
}

#[tokio::test]
async fn a_push_before_the_build_does_not_move_a_request_that_names_its_commit() {
    let sandbox = sandbox().await;
    let (repository, head, number) = pull_request(&sandbox, "#!/bin/sh\n[ ! -e pushed ]\n").await;
    let pushed = repository.commit("feature", &[("pushed", PLAIN, "x")], "more").await.unwrap();
    let _worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "--pull-request", &number, "--commit", head.as_str()]).await;
    assert_eq!(sandbox.until_settled(&key, JOB).await.unwrap().status(), "success");
    assert_eq!(flag(&sandbox, &head).status.as_str(), "success");
    assert!(shown(&sandbox, &pushed).is_empty());
}
