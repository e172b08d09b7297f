//! The ref of builds that are no plain push.
use super::{MAIN, PULL_REQUEST, TAG, build};
use crate::vendors::HEAD;

const DEPLOYED: [(&str, &str); 4] = [
    ("CI_PIPELINE_EVENT", "deployment"),
    ("CI_COMMIT_REF", TAG),
    ("CI_COMMIT_BRANCH", ""),
    ("CI_PIPELINE_DEPLOY_TARGET", "production"),
];

#[tokio::test]
async fn woodpecker_deployment_of_tag_is_of_that_tag() {
    let shown = build("woodpecker", "push", &DEPLOYED).show().await;
    shown.expect(0, TAG, HEAD, "no").expect_no_note();
    let branch_is_ref = [&DEPLOYED[..], &[("CI_COMMIT_BRANCH", TAG)]].concat();
    build("woodpecker", "push", &branch_is_ref).show().await.expect(0, TAG, HEAD, "no");
    let with_file = build("woodpecker", "push", &DEPLOYED).with_file("branch = 'main'");
    with_file.show().await.expect(0, TAG, HEAD, "no");
}

#[tokio::test]
async fn unreadable_ci_ref_never_becomes_another_branch() {
    for (vendor, case, unset) in [
        ("woodpecker", "tag", &["CI_COMMIT_REF", "CI_COMMIT_TAG"][..]),
        ("drone", "tag", &["DRONE_COMMIT_REF", "DRONE_TAG"]),
        ("github", "push", &["GITHUB_REF"]),
        ("gitlab", "tag", &["CI_COMMIT_TAG", "CI_COMMIT_REF_NAME"]),
        ("travis", "tag", &["TRAVIS_TAG", "TRAVIS_BRANCH"]),
        ("circleci", "tag", &["CIRCLE_TAG"]),
        ("buildkite", "tag", &["BUILDKITE_TAG", "BUILDKITE_BRANCH"]),
        ("bitbucket", "tag", &["BITBUCKET_TAG"]),
        ("azure", "tag", &["BUILD_SOURCEBRANCH"]),
        ("jenkins", "tag", &["TAG_NAME", "GIT_BRANCH", "BRANCH_NAME"]),
    ] {
        let changes: Vec<_> = unset.iter().map(|name| (*name, "")).collect();
        let shown = build(vendor, case, &changes).with_file("branch = 'main'").show().await;
        let found = (shown.result.exit_code, shown.value("ref"));
        assert_eq!(found, (Some(3), "-"), "{vendor}: {:#}", shown.context);
    }
    let changes = [("CI_COMMIT_REF", "refs/changes/34/1234/1"), ("CI_COMMIT_BRANCH", "main")];
    let shown = build("woodpecker", "push", &changes).show().await;
    shown.expect(3, "-", "-", "-");
    assert!(shown.context["ref"]["reason"].to_string().contains("refs/changes/34/1234/1"), "{:#}", shown.context);
}

#[tokio::test]
async fn promoted_tag_and_scheduled_branch_keep_their_ref() {
    let promoted = [("DRONE_BUILD_EVENT", "promote"), ("DRONE_TAG", ""), ("DRONE_BRANCH", "main")];
    build("drone", "tag", &promoted).show().await.expect(0, TAG, HEAD, "no");
    build("drone", "push", &[("DRONE_BUILD_EVENT", "cron")]).show().await.expect(0, MAIN, HEAD, "no");
    build("woodpecker", "push", &[("CI_PIPELINE_EVENT", "cron")]).show().await.expect(0, MAIN, HEAD, "no");
    build("github", "push", &[("GITHUB_EVENT_NAME", "schedule")]).show().await.expect(0, MAIN, HEAD, "no");
    build("travis", "push", &[("TRAVIS_EVENT_TYPE", "cron")]).show().await.expect(0, MAIN, HEAD, "no");
    build("gitlab", "tag", &[("CI_PIPELINE_SOURCE", "schedule")]).show().await.expect(0, TAG, HEAD, "no");
    let release = [("GITHUB_EVENT_NAME", "release"), ("GITHUB_REF_TYPE", "tag")];
    build("github", "tag", &release).show().await.expect(0, TAG, HEAD, "no");
}

#[tokio::test]
async fn disagreeing_ref_variables_are_noted() {
    let shown = build("woodpecker", "tag", &[("CI_COMMIT_TAG", "v9")]).show().await;
    shown.expect(0, TAG, HEAD, "no").expect_note("CI_COMMIT_TAG \"v9\"");
    let shown = build("drone", "pull_request", &[("DRONE_PULL_REQUEST", "8")]).show().await;
    shown.expect(3, PULL_REQUEST, HEAD, "-").expect_note("DRONE_PULL_REQUEST \"8\"");
    let shown = build("azure", "pull_request", &[("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "8")]).show().await;
    shown.expect(0, PULL_REQUEST, HEAD, "no").expect_note("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER \"8\"");
    let shown = build("jenkins", "push", &[("GIT_BRANCH", "origin/library")]).show().await;
    // GIT_COMMIT is of the repository that GIT_BRANCH is of, for example a shared library.
    shown.expect(0, MAIN, "-", "no").expect_note("GIT_BRANCH \"origin/library\"");
    build("woodpecker", "tag", &[]).show().await.expect_no_note();
    build("drone", "tag", &[]).show().await.expect_no_note();
}

#[tokio::test]
async fn git_branch_of_another_tool_does_not_name_the_ref() {
    let shown = build("github", "pull_request", &[("GIT_BRANCH", "refs/pull/7/merge")]).show().await;
    shown.expect(0, PULL_REQUEST, HEAD, "no").expect_no_note();
    for other in ["feature", "no branch!", "refs/heads/x..y", "refs/tags/v1"] {
        let shown = build("github", "pull_request", &[("GIT_BRANCH", other)]).show().await;
        shown.expect(0, PULL_REQUEST, HEAD, "no").expect_note("GIT_BRANCH");
    }
    let shown = build("github", "push", &[("GIT_BRANCH", "refs/heads/main")]).show().await;
    shown.expect(0, MAIN, HEAD, "no").expect_no_note();
    let shown = build("github", "push", &[("GIT_BRANCH", "release")]).show().await;
    shown.expect(0, MAIN, HEAD, "no").expect_note("GIT_BRANCH \"release\"");
    // The short name of a tag looks like a branch.
    let shown = build("gitlab", "tag", &[("GIT_BRANCH", "v1.2.0")]).show().await;
    shown.expect(0, TAG, HEAD, "no").expect_note("GIT_BRANCH");
}

#[tokio::test]
async fn iwomp_git_branch_is_kept_beside_its_own_variables() {
    let changes = [("GIT_BRANCH", "release"), ("IWOMPINAWS_PROJECT", "demo")];
    let shown = build("travis", "push", &changes).show().await;
    shown.expect(0, "refs/heads/release", "-", "no").expect_note("GIT_BRANCH");
    build("travis", "tag", &changes).show().await.expect(0, TAG, HEAD, "no").expect_note("GIT_BRANCH");
}

#[tokio::test]
async fn merge_queue_build_is_of_its_own_branch() {
    let queued = "refs/heads/gh-readonly-queue/main/pr-7-8c1f5e0a";
    let github = [("GITHUB_EVENT_NAME", "merge_group"), ("GITHUB_REF", queued)];
    build("github", "push", &github).show().await.expect(0, queued, HEAD, "no");
    let buildkite = [
        ("BUILDKITE_BRANCH", "gh-readonly-queue/main/pr-7-8c1f5e0a"),
        ("BUILDKITE_MERGE_QUEUE_BASE_BRANCH", "main"),
        ("GIT_BRANCH", "main"),
    ];
    build("buildkite", "push", &buildkite).show().await.expect(0, queued, HEAD, "no").expect_note("GIT_BRANCH");
}

#[tokio::test]
async fn circleci_tag_is_that_tag_even_beside_a_pull_request() {
    let changes = [("CIRCLE_PULL_REQUEST", "https://github.com/acme/demo/pull/7")];
    build("circleci", "tag", &changes).show().await.expect(0, TAG, HEAD, "no");
}
