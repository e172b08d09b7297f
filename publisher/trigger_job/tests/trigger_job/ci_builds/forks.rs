//! Whether a build is of a fork's pull request.
use serde_json::Value;

use super::{MAIN, PULL_REQUEST, build};
use crate::invocation::{Invocation, TOPIC};
use crate::vendors::HEAD;

#[tokio::test]
async fn promoted_pull_request_is_no_branch() {
    let woodpecker =
        [("CI_PIPELINE_EVENT", "deployment"), ("CI_COMMIT_PULL_REQUEST", ""), ("CI_COMMIT_SOURCE_BRANCH", "")];
    let shown = build("woodpecker", "pull_request", &woodpecker).show().await;
    shown.expect(3, PULL_REQUEST, HEAD, "-");
    let drone = [("DRONE_BUILD_EVENT", "promote"), ("DRONE_DEPLOY_TO", "production"), ("DRONE_PULL_REQUEST", "")];
    build("drone", "pull_request", &drone).show().await.expect(3, PULL_REQUEST, HEAD, "-");
    for full in ["refs/merge-requests/7/head", "refs/pull-requests/7/from", "refs/pull/7/merge"] {
        let changes = [&woodpecker[..], &[("CI_COMMIT_REF", full)]].concat();
        build("woodpecker", "pull_request", &changes).show().await.expect(3, PULL_REQUEST, HEAD, "-");
    }
}

#[tokio::test]
async fn azure_merge_ref_names_the_pull_request() {
    // The id is GitHub's own for the pull request and no number.
    let id_alone = [("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "")];
    build("azure", "pull_request", &id_alone).show().await.expect(0, PULL_REQUEST, HEAD, "no");
    let by_hand = [
        ("BUILD_REASON", "Manual"),
        ("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", ""),
        ("SYSTEM_PULLREQUEST_PULLREQUESTID", ""),
        ("SYSTEM_PULLREQUEST_SOURCECOMMITID", ""),
        ("SYSTEM_PULLREQUEST_ISFORK", ""),
    ];
    build("azure", "fork", &by_hand).show().await.expect(3, PULL_REQUEST, "-", "-");
}

#[tokio::test]
async fn buildkite_addresses_of_one_repository_are_no_fork() {
    for address in [
        "git@github.com-acme-demo:acme/demo.git",
        "ssh://git@ssh.github.com:443/acme/demo.git",
        "ssh://git@git.example.org:2222/acme/demo.git",
        "ssh://git@git.example.org:7999/acme/demo",
        "git@git.example.org:/acme/demo.git",
        "https://user:p@ss@git.example.org/Acme/demo.git/",
    ] {
        let shown = build("buildkite", "pull_request", &[("BUILDKITE_REPO", address)]).show().await;
        shown.expect(0, PULL_REQUEST, HEAD, "no");
    }
    for stranger in ["https://github.com/stranger/demo.git", "https://github.com/stranger/acme/demo"] {
        let changes =
            [("BUILDKITE_REPO", "git@github.com-acme-demo:acme/demo.git"), ("BUILDKITE_PULL_REQUEST_REPO", stranger)];
        build("buildkite", "pull_request", &changes).show().await.expect(3, PULL_REQUEST, HEAD, "yes");
    }
    // A build that a person started of a fork's branch is of no pull request, and still of a fork.
    let by_hand = [("BUILDKITE_PULL_REQUEST", "false"), ("BUILDKITE_PULL_REQUEST_REPO", "")];
    assert_eq!(build("buildkite", "fork", &by_hand).show().await.value("fork"), "yes");
    let ref_by_hand = [("BUILDKITE_BRANCH", "refs/pull/7/head")];
    build("buildkite", "push", &ref_by_hand).show().await.expect(3, PULL_REQUEST, HEAD, "-");
}

#[tokio::test]
async fn gitlab_child_of_merge_request_may_be_of_a_fork() {
    let child = [
        ("CI_PIPELINE_SOURCE", "parent_pipeline"),
        ("CI_MERGE_REQUEST_IID", ""),
        ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", ""),
    ];
    build("gitlab", "fork", &child).show().await.expect(3, "refs/heads/feature", HEAD, "-");
    let by_ref = [&child[..], &[("CI_COMMIT_REF_NAME", "refs/merge-requests/7/head")]].concat();
    build("gitlab", "fork", &by_ref).show().await.expect(3, PULL_REQUEST, HEAD, "-");
    // A child of a branch's pipeline has the branch.
    build("gitlab", "push", &[("CI_PIPELINE_SOURCE", "parent_pipeline")]).show().await.expect(0, MAIN, HEAD, "no");
}

const WORKFLOW_RUN: (&str, &str) = ("GITHUB_EVENT_NAME", "workflow_run");

#[tokio::test]
async fn github_run_for_a_forks_run_is_of_a_fork() {
    let here = env!("CARGO_MANIFEST_DIR");
    let event = |name: &str| format!("{here}/tests/trigger_job/vendors/github/{name}.json");
    let (fork, branch) = (event("workflow_run_fork"), event("workflow_run"));
    let shown = build("github", "push", &[WORKFLOW_RUN, ("GITHUB_EVENT_PATH", &fork)]).show().await;
    shown.expect(3, MAIN, HEAD, "yes");
    let shown = build("github", "push", &[WORKFLOW_RUN, ("GITHUB_EVENT_PATH", &branch)]).show().await;
    shown.expect(0, MAIN, HEAD, "no").expect_note("branch \"feature\"");
    let shown = build("github", "push", &[WORKFLOW_RUN, ("GITHUB_EVENT_PATH", "/nonexistent")]).show().await;
    shown.expect(3, MAIN, HEAD, "-");
}

#[tokio::test]
async fn fork_is_unknown_without_a_detected_ci() {
    let run = Invocation::new(&["demo", "main", TOPIC, "--show-context", "--output", "json"]);
    let result = run.env("CI", "true").run().await;
    let context: Value = serde_json::from_str(&result.stdout).unwrap();
    assert_eq!((result.exit_code, &context["fork"]["value"]), (Some(0), &Value::Null));
    let shown = build("github", "fork", &[]).with_arguments(&["--no-detect", "demo", "main"]).show().await;
    shown.expect(0, MAIN, "-", "-");
}

#[tokio::test]
async fn ref_of_another_kind_may_be_of_a_fork() {
    let gerrit = [("GERRIT_CHANGE_NUMBER", "34"), ("GERRIT_EVENT_TYPE", "patchset-created")];
    for (vendor, case, changes) in [
        ("drone", "push", &[("DRONE_COMMIT_REF", "refs/changes/34/1234/1")][..]),
        ("azure", "push", &[("BUILD_SOURCEBRANCH", "refs/changes/34/1234/1")]),
        ("github", "push", &[("GITHUB_REF", "refs/changes/34/1234/1")]),
        ("buildkite", "push", &[("BUILDKITE_BRANCH", "refs/changes/34/1234/1")]),
        ("jenkins", "freestyle", &[("GIT_BRANCH", "refs/changes/34/1234/1")]),
        ("jenkins", "freestyle", &gerrit),
    ] {
        // Also if the step names a branch of its own.
        let shown = build(vendor, case, changes).with_arguments(&["demo", "main"]).show().await;
        assert_eq!((shown.result.exit_code, shown.value("fork")), (Some(3), "-"), "{vendor}: {:#}", shown.context);
    }
    let merged = [gerrit[0], ("GERRIT_EVENT_TYPE", "change-merged")];
    build("jenkins", "freestyle", &merged).show().await.expect(0, MAIN, HEAD, "no");
}
