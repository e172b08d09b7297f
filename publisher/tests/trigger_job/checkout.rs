use std::path::Path;
use std::process::Command;

use crate::invocation::{Invocation, TOPIC};

const DRY_RUN: [&str; 5] = ["demo", "", TOPIC, "--dry-run", "--id=7"];

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
fn on_branch(branch: &str) -> Invocation {
    let run = Invocation::new(&DRY_RUN);
    git(run.directory(), &["init", "--quiet", "--initial-branch", branch]);
    git(run.directory(), &["commit", "--quiet", "--allow-empty", "--message", "first"]);
    run
}

#[tokio::test]
async fn checked_out_branch_is_requested() {
    let result = on_branch("feature/x").run().await;
    assert_eq!(result.exit_code, Some(0), "{result:?}");
    assert!(result.stdout.contains(r#""branch":"feature/x""#), "{}", result.stdout);
}

#[tokio::test]
async fn tag_with_branch_name_does_not_change_branch() {
    let run = on_branch("same");
    git(run.directory(), &["tag", "same"]);
    assert!(run.run().await.stdout.contains(r#""branch":"same""#));
}

#[tokio::test]
async fn detached_head_yields_no_branch() {
    let run = on_branch("main");
    git(run.directory(), &["checkout", "--quiet", "--detach"]);
    run.run().await.assert_failed(3, &["no branch is known", "detached", "second argument", "DOORBELL_BRANCH"]);
}

#[tokio::test]
async fn missing_checkout_or_git_yields_no_branch() {
    Invocation::new(&DRY_RUN).run().await.assert_failed(3, &["no branch is known", "not a git repository"]);
    Invocation::new(&DRY_RUN).env("PATH", "/nonexistent").run().await.assert_failed(3, &["git", "is not installed"]);
}

/// The commit that is checked out.
fn head(directory: &Path) -> String {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(directory).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn only_pushed_commit_is_requested() {
    let run = on_branch("main");
    let elsewhere = tempfile::TempDir::new().unwrap();
    let remote = elsewhere.path().join("demo.git");
    git(run.directory(), &["clone", "--quiet", "--bare", ".", remote.to_str().unwrap()]);
    git(run.directory(), &["remote", "add", "origin", remote.to_str().unwrap()]);
    git(run.directory(), &["fetch", "--quiet", "origin"]);
    git(run.directory(), &["branch", "--quiet", "--set-upstream-to", "origin/main"]);
    let commit = head(run.directory());
    let result = run.run().await;
    assert!(result.stdout.contains(&format!(r#""commit":"{commit}""#)), "{result:?}");

    let run = on_branch("main");
    git(run.directory(), &["remote", "add", "origin", remote.to_str().unwrap()]);
    git(run.directory(), &["fetch", "--quiet", "origin"]);
    git(run.directory(), &["branch", "--quiet", "--set-upstream-to", "origin/main"]);
    git(run.directory(), &["commit", "--quiet", "--allow-empty", "--message", "not pushed"]);
    assert!(!run.run().await.stdout.contains("commit"));
}

#[tokio::test]
async fn project_comes_from_remote_without_its_password() {
    let run = Invocation::new(&["", "main", TOPIC, "--show-context"]);
    git(run.directory(), &["init", "--quiet"]);
    git(run.directory(), &["remote", "add", "origin", "https://ada:geheim@git.example.org/acme/demo.git"]);
    let result = run.run().await;
    assert!(result.stdout.contains("project  demo  (git: the remote origin)"), "{result:?}");
    assert!(!result.stdout.contains("geheim") && !result.stderr.contains("geheim"), "{result:?}");
}

/// A build of this vendor in a checkout; what is shown, and the commit that is checked out.
async fn in_checkout(vendor: &str, case: &str, variable: &str, merge: bool) -> (String, String) {
    let run = Invocation::new(&["", "", TOPIC, "--show-context", "--allow-fork"]);
    git(run.directory(), &["init", "--quiet", "--initial-branch", "main"]);
    git(run.directory(), &["commit", "--quiet", "--allow-empty", "--message", "first"]);
    if merge {
        git(run.directory(), &["checkout", "--quiet", "-b", "feature"]);
        git(run.directory(), &["commit", "--quiet", "--allow-empty", "--message", "second"]);
        git(run.directory(), &["checkout", "--quiet", "main"]);
        git(run.directory(), &["merge", "--quiet", "--no-ff", "--message", "merged", "feature"]);
    }
    git(run.directory(), &["checkout", "--quiet", "--detach"]);
    let commit = head(run.directory());
    let run = crate::vendors::in_build(run, vendor, case);
    let run = if variable.is_empty() { run } else { run.env(variable, &commit) };
    (run.run().await.stdout, commit)
}

#[tokio::test]
async fn buildkite_head_is_resolved_from_checkout() {
    let (shown, commit) = in_checkout("buildkite", "by_hand", "", false).await;
    assert!(shown.contains(&format!("commit   {commit}  (git: the commit checked out)")), "{shown}");
}

#[tokio::test]
async fn jenkins_merge_commit_is_not_pull_request_head() {
    let (shown, commit) = in_checkout("jenkins", "pull_request", "GIT_COMMIT", false).await;
    assert!(shown.contains(&format!("commit   {commit}  (GIT_COMMIT)")), "{shown}");
    assert!(shown.contains("ref      refs/pull/7/head") && shown.contains("fork     no"), "{shown}");
    let (shown, _) = in_checkout("jenkins", "pull_request", "GIT_COMMIT", true).await;
    assert!(shown.contains("commit   -  (GIT_COMMIT is a merge"), "{shown}");
    let (shown, _) = in_checkout("jenkins", "fork", "GIT_COMMIT", false).await;
    assert!(shown.contains("fork     yes  (CHANGE_FORK)"), "{shown}");
}
