//! `trigger_job` without arguments in a CI's build.
use doorbell_sandbox::git_host::EXECUTABLE_FILE;
use doorbell_sandbox::sandbox::{Sandbox, UNPRIVILEGED_BUILD_PROJECT};
use serde_json::json;

use super::{JOB_TIMEOUT, PASSING_SCRIPT, register_demo, single_flag, start_sandbox};

/// The variables of a job in this GitLab pipeline.
fn on_gitlab<'a>(pipeline: &'a str, job: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let always = [
        ("GITLAB_CI", "true"),
        ("CI_SERVER_URL", "https://gitlab.example.org"),
        ("CI_PROJECT_PATH", "acme/demo"),
        ("CI_PIPELINE_ID", pipeline),
        ("CI_JOB_ID", job),
    ];
    always.into_iter().chain(more.iter().copied()).collect()
}

async fn trigger_in_ci(sandbox: &Sandbox, build: &[(&str, &str)]) -> String {
    sandbox.trigger_in(build, &[]).await.unwrap().job_key().unwrap()
}

#[tokio::test]
async fn retried_ci_step_builds_its_own_commit_once() {
    let sandbox = start_sandbox().await;
    let (repository, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    repository.commit("main", &[("more", EXECUTABLE_FILE, "x")], "pushed while the CI was busy").await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let push = [("CI_COMMIT_BRANCH", "main"), ("CI_COMMIT_SHA", commit.as_str())];
    let key = trigger_in_ci(&sandbox, &on_gitlab("1", "10", &push)).await;
    let again = trigger_in_ci(&sandbox, &on_gitlab("1", "11", &push)).await;
    let another = trigger_in_ci(&sandbox, &on_gitlab("2", "20", &push)).await;
    assert_eq!(key, again);
    assert_ne!(key, another);
    for key in [&key, &another] {
        assert_eq!(sandbox.wait_until_settled(key, JOB_TIMEOUT).await.unwrap().status(), "success");
        assert_eq!(sandbox.builds_of(key).len(), 1);
    }
    let flags = sandbox.forge.flags(commit.as_str());
    assert_eq!(flags.len(), 2, "one per pipeline, on its own commit: {flags:?}");
}

#[tokio::test]
async fn ci_pull_request_build_requests_its_number_and_head() {
    let sandbox = start_sandbox().await;
    let (repository, _) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let commit = repository.commit("feature", &[("ci.sh", EXECUTABLE_FILE, PASSING_SCRIPT)], "a change").await.unwrap();
    let number = sandbox.forge.open_pull_request(&repository, "feature", "please").await.unwrap().to_string();
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["pullRequests"] = json!("unprivileged");
    document["unprivilegedBuildProject"] = json!(UNPRIVILEGED_BUILD_PROJECT);
    sandbox.register_project("demo", &document).await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let build = on_gitlab(
        "1",
        "10",
        &[
            ("CI_MERGE_REQUEST_IID", &number),
            ("CI_MERGE_REQUEST_PROJECT_ID", "1"),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "1"),
            ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", commit.as_str()),
            ("CI_COMMIT_SHA", "f1d2d2f924e986ac86fdf7b36c94bcdf32beec15"),
        ],
    );
    let key = trigger_in_ci(&sandbox, &build).await;
    assert_eq!(sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap().status(), "success");
    assert_eq!(single_flag(&sandbox, &commit).status.as_str(), "success");
    assert_eq!(sandbox.builds_of(&key)[0].project, UNPRIVILEGED_BUILD_PROJECT);

    let fork: Vec<_> =
        build.iter().copied().filter(|(name, _)| *name != "CI_MERGE_REQUEST_SOURCE_PROJECT_ID").collect();
    let rejected = sandbox.trigger_in(&fork, &[]).await.unwrap();
    assert_eq!((rejected.code, &*rejected.stdout), (Some(3), ""), "{}", rejected.stderr);
}
