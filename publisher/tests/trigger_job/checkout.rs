use std::path::Path;
use std::process::Command;

use crate::run::{Run, TOPIC};

const DRY: [&str; 5] = ["demo", "", TOPIC, "--dry-run", "--id=7"];

fn git(directory: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A run inside a checkout of one commit on this branch.
fn on_branch(branch: &str) -> Run {
    let run = Run::bare(&DRY);
    git(run.directory(), &["init", "--quiet", "--initial-branch", branch]);
    git(run.directory(), &["commit", "--quiet", "--allow-empty", "--message", "first"]);
    run
}

#[tokio::test]
async fn the_branch_that_is_checked_out_is_the_one_that_is_built() {
    let ended = on_branch("feature/x").end().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(r#""branch":"feature/x""#), "{}", ended.stdout);
}

#[tokio::test]
async fn a_tag_of_the_same_name_changes_nothing() {
    let run = on_branch("same");
    git(run.directory(), &["tag", "same"]);
    assert!(run.end().await.stdout.contains(r#""branch":"same""#));
}

#[tokio::test]
async fn a_detached_head_is_never_a_branch() {
    let run = on_branch("main");
    git(run.directory(), &["checkout", "--quiet", "--detach"]);
    run.end().await.assert_failed(3, &["no branch is known", "detached", "second argument", "DOORBELL_BRANCH"]);
}

#[tokio::test]
async fn outside_a_checkout_or_without_git_there_is_no_branch() {
    Run::bare(&DRY).end().await.assert_failed(3, &["no branch is known", "not a git repository"]);
    Run::bare(&DRY).env("PATH", "/nonexistent").end().await.assert_failed(3, &["git", "is not installed"]);
}
