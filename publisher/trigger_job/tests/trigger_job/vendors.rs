//! `--show-context` in the environment that each vendor sets: push, tag, pull request, fork.
use std::path::PathBuf;

use crate::invocation::{Invocation, TOPIC};

pub(crate) const HEAD: &str = "8c1f5e0a9d3b47e6a2c4f1087d6b5e3a90c2d4f6";
const BRANCH: &str = "refs/heads/main";
const TAG: &str = "refs/tags/v1.2.0";
const PULL_REQUEST: &str = "refs/pull/7/head";

fn fixtures(vendor: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/trigger_job/vendors").join(vendor)
}

/// The variables of one build, as its vendor sets them.
pub(crate) fn environment(vendor: &str, case: &str) -> Vec<(String, String)> {
    let directory = fixtures(vendor);
    let text = std::fs::read_to_string(directory.join(format!("{case}.env"))).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let here = directory.to_str().unwrap();
    lines
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.replace("{fixtures}", here)))
        .collect()
}

pub(crate) fn in_build(mut run: Invocation, vendor: &str, case: &str) -> Invocation {
    for (name, value) in environment(vendor, case) {
        run = run.env(&name, &value);
    }
    run
}

async fn context(vendor: &str, case: &str, more: &[&str]) -> (Option<i32>, serde_json::Value, String) {
    let arguments = [&["--topic-arn", TOPIC, "--show-context", "--output", "json"], more].concat();
    let result = in_build(Invocation::new(&arguments), vendor, case).run().await;
    (result.exit_code, serde_json::from_str(&result.stdout).unwrap(), result.stderr)
}

/// What this build is of, by its vendor's variables alone.
async fn check(vendor: &str, case: &str, git_ref: &str, url: &str) {
    let (code, found, stderr) = context(vendor, case, &[]).await;
    let value = |key: &str| found[key]["value"].as_str().unwrap_or("-").to_owned();
    assert_eq!(
        [value("vendor"), value("project"), value("ref"), value("commit"), value("buildUrl"), value("fork")],
        [vendor, "demo", git_ref, HEAD, url, "no"].map(str::to_owned),
        "{vendor}/{case}: {found:#}\n{stderr}"
    );
    assert!(value("id").starts_with(&format!("{vendor}-")), "{vendor}/{case}: {found:#}");
    assert_eq!(code, Some(0), "{vendor}/{case}: {stderr}");
}

/// A fork's pull request is detected and rejected, and published with `--allow-fork`.
async fn check_fork(vendor: &str, case: &str) {
    let (code, found, stderr) = context(vendor, case, &[]).await;
    assert_eq!(code, Some(3), "{vendor}/{case}: {found:#}");
    assert!(stderr.contains("--allow-fork") && stderr.contains("from a fork"), "{vendor}/{case}: {stderr}");
    assert_ne!(found["fork"]["value"], "no", "{vendor}/{case}");
    let (code, found, stderr) = context(vendor, case, &["--allow-fork"]).await;
    assert_eq!(code, Some(0), "{vendor}/{case}: {stderr}");
    assert_eq!((&found["ref"]["value"], &found["commit"]["value"]), (&PULL_REQUEST.into(), &HEAD.into()), "{vendor}");
}

/// Push, tag, pull request and fork.
async fn check_all(vendor: &str, url: &str) {
    check(vendor, "push", BRANCH, url).await;
    check(vendor, "tag", TAG, url).await;
    check(vendor, "pull_request", PULL_REQUEST, url).await;
    check_fork(vendor, "fork").await;
}

#[tokio::test]
async fn github_actions() {
    let run = "https://github.com/acme/demo/actions/runs/9876543210";
    check_all("github", run).await;
    check_fork("github", "pull_request_target").await;
    check_fork("github", "deleted_fork").await;
}

#[tokio::test]
async fn merged_github_pull_request_resolves_to_target_branch() {
    let (code, found, _) = context("github", "merged", &[]).await;
    assert_eq!((code, &found["ref"]["value"], &found["fork"]["value"]), (Some(0), &BRANCH.into(), &"no".into()));
}

#[tokio::test]
async fn github_merge_commit_is_not_head_without_event_file() {
    let (code, found, _) = context("github", "no_event", &["--allow-fork"]).await;
    assert_eq!((code, &found["ref"]["value"]), (Some(0), &PULL_REQUEST.into()));
    assert!(found["commit"]["value"].is_null() && found["fork"]["value"].is_null(), "{found:#}");
    assert_eq!(context("github", "no_event", &[]).await.0, Some(3));
}

#[tokio::test]
async fn gitea_and_forgejo_builds_are_not_detected_as_github() {
    // Gitea's version, and with it the page, is in no variable.
    check_all("gitea", "-").await;
    check_all("forgejo", "https://forgejo.example.org/acme/demo/actions/runs/12").await;
}

#[tokio::test]
async fn gitlab() {
    let job = "https://gitlab.com/acme/team/demo/-/jobs/7001";
    check_all("gitlab", job).await;
    check("gitlab", "merged_result", PULL_REQUEST, job).await;
    check("gitlab", "external", PULL_REQUEST, job).await;
}

#[tokio::test]
async fn travis() {
    check_all("travis", "https://app.travis-ci.com/acme/demo/builds/271828").await;
}

#[tokio::test]
async fn circleci() {
    check_all("circleci", "https://circleci.com/gh/acme/demo/12").await;
}

#[tokio::test]
async fn buildkite() {
    check_all("buildkite", "https://buildkite.com/acme/demo-pipeline/builds/12").await;
}

#[tokio::test]
async fn bitbucket() {
    let page = "https://bitbucket.org/acme/demo/pipelines/results/12";
    check("bitbucket", "push", BRANCH, page).await;
    check("bitbucket", "tag", TAG, page).await;
    check("bitbucket", "pull_request", PULL_REQUEST, page).await;
    check("bitbucket", "fork", "refs/heads/feature", "https://bitbucket.org/ada/demo/pipelines/results/12").await;
}

/// Neither says whether a pull request comes from a fork, so each counts as one.
#[tokio::test]
async fn woodpecker_and_drone() {
    for (vendor, page) in [
        ("woodpecker", "https://ci.example.org/repos/3/pipeline/12"),
        ("drone", "https://drone.example.org/acme/demo/12"),
    ] {
        check(vendor, "push", BRANCH, page).await;
        check(vendor, "tag", TAG, page).await;
        check_fork(vendor, "pull_request").await;
        check_fork(vendor, "fork").await;
    }
}

#[tokio::test]
async fn jenkins() {
    let page = |name: &str| format!("https://jenkins.example.org/job/acme/job/demo/job/{name}/12/");
    check("jenkins", "push", BRANCH, &page("main")).await;
    check("jenkins", "freestyle", BRANCH, "https://jenkins.example.org/job/deploy/12/").await;
    check("jenkins", "tag", TAG, &page("v1.2.0")).await;
    check("jenkins", "ghprb", PULL_REQUEST, "https://jenkins.example.org/job/demo-pr/12/").await;
    check("jenkins", "gitlab_plugin", PULL_REQUEST, "https://jenkins.example.org/job/demo-mr/12/").await;
    check_fork("jenkins", "ghprb_fork").await;
    check_fork("jenkins", "gitlab_plugin_fork").await;
}

#[tokio::test]
async fn azure() {
    let page = "https://dev.azure.com/acme/The%20Team/_build/results?buildId=512";
    check_all("azure", page).await;
    check("azure", "repos_pull_request", PULL_REQUEST, page).await;
}
