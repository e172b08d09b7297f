//! The build's page, the commit, the id, and values that are invalid.
use super::{MAIN, OTHER, PULL_REQUEST, build};
use crate::vendors::HEAD;

#[tokio::test]
async fn forgejo_run_page_has_the_number_and_gitea_none() {
    let changes = [("GITHUB_RUN_ID", "44"), ("GITHUB_RUN_NUMBER", "36")];
    let shown = build("forgejo", "push", &changes).show().await;
    assert_eq!(shown.value("buildUrl"), "https://forgejo.example.org/acme/demo/actions/runs/36");
    let id = shown.value("id").to_owned();
    let shown = build("forgejo", "push", &[("GITHUB_RUN_ID", "45"), ("GITHUB_RUN_NUMBER", "36")]).show().await;
    assert_ne!(shown.value("id"), id, "two repositories' runs may share a number");
    let shown = build("forgejo", "push", &[("GITHUB_RUN_NUMBER", "")]).show().await;
    assert_eq!(shown.value("buildUrl"), "-");
    let shown = build("gitea", "push", &changes).show().await;
    shown.expect(0, MAIN, HEAD, "no");
    assert_eq!(shown.value("buildUrl"), "-");
    let shown = build("github", "push", &changes).show().await;
    assert_eq!(shown.value("buildUrl"), "https://github.com/acme/demo/actions/runs/44");
}

#[tokio::test]
async fn gitlab_merge_train_commit_is_no_head() {
    for kind in ["merge_train", "merged_result"] {
        let changes = [("CI_MERGE_REQUEST_EVENT_TYPE", kind), ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "")];
        build("gitlab", "pull_request", &changes).show().await.expect(0, PULL_REQUEST, "-", "no");
    }
}

#[tokio::test]
async fn id_is_random_without_commit_and_under_act() {
    let shown = build("woodpecker", "push", &[("CI_COMMIT_SHA", "")]).show().await;
    assert_eq!(shown.value("id"), "-", "{:#}", shown.context);
    let shown = build("github", "push", &[("ACT", "true")]).show().await;
    assert_eq!((shown.value("id"), shown.value("commit")), ("-", HEAD));
    // Another ref than the build's: no commit is known.
    let shown = build("github", "push", &[]).with_arguments(&["demo", "other"]).show().await;
    assert_eq!(shown.value("id"), "-");
    let shown = build("github", "push", &[]).with_arguments(&["demo", "other", "--commit", OTHER]).show().await;
    assert!(shown.value("id").starts_with("github-"), "{:#}", shown.context);
}

#[tokio::test]
async fn invalid_value_does_not_hide_the_others() {
    let shown = build("github", "push", &[("DOORBELL_PROJECT", "de mo"), ("DOORBELL_ROLE_ARN", "x")]).show().await;
    shown.expect(2, MAIN, HEAD, "no");
    for part in ["DOORBELL_PROJECT: invalid value \"de mo\"", "DOORBELL_ROLE_ARN: invalid value \"x\""] {
        assert!(shown.result.stderr.contains(part), "{part}: {}", shown.result.stderr);
    }
    assert!(shown.context["project"]["reason"].as_str().unwrap().contains("de mo"), "{:#}", shown.context);
    for arguments in [
        &["--id", "a b"][..],
        &["--commit", "abc"],
        &["--var", "A"],
        &["demo", "main", "--tag", "v1"],
        &["--config", "none.toml"],
    ] {
        let shown = build("github", "push", &[]).with_arguments(arguments).show().await;
        assert_eq!(shown.result.exit_code, Some(2), "{arguments:?}");
        assert_ne!(shown.value("buildUrl"), "-", "{arguments:?}");
    }
    let shown = build("github", "push", &[]).with_file("projekt = 'x'").show().await;
    shown.expect(2, MAIN, HEAD, "no");
}
