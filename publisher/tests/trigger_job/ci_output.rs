//! What a CI gets to read once a request is published.
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::invocation::{Invocation, InvocationResult};
use crate::stub::{MESSAGE_ID, Stub, StubResponse};
use crate::vendors::in_build;

/// A run in this build, against an SNS that takes everything.
async fn publish_in_ci(
    vendor: &str,
    arguments: &[&str],
    change: impl FnOnce(Invocation) -> Invocation,
) -> InvocationResult {
    let sns = Stub::start(&[StubResponse::Success]).await;
    let result = change(in_build(Invocation::with_sns(&sns, arguments), vendor, "push")).run().await;
    assert_eq!(result.exit_code, Some(0), "{result:?}");
    result
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn github_step_gets_outputs_summary_and_log_group() {
    let folder = tempfile::TempDir::new().unwrap();
    let (output, summary) = (folder.path().join("output"), folder.path().join("summary"));
    std::fs::write(&output, "other=kept\n").unwrap();
    let result = publish_in_ci("github", &[], |run| {
        run.env("GITHUB_OUTPUT", output.to_str().unwrap()).env("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())
    })
    .await;
    let job = result.stdout.trim();
    let id = result.job_id();
    assert_eq!(read(&output), format!("other=kept\njob={job}\nid={id}\nmessage-id={MESSAGE_ID}\n"));
    assert!(read(&summary).contains(&format!("| job | `{job}` |")), "{}", read(&summary));
    let (begin, end) = (result.stderr.find("::group::").unwrap(), result.stderr.find("::endgroup::").unwrap());
    assert!(result.stderr[begin..end].contains("GITHUB_REPOSITORY"), "{}", result.stderr);
}

#[tokio::test]
async fn github_failure_becomes_annotation() {
    let sns = Stub::start(&[StubResponse::Error(403, "AuthorizationError", "100% no")]).await;
    let result = in_build(Invocation::with_sns(&sns, &[]), "github", "push").run().await;
    result.assert_failed(4, &["::error title=trigger_job::these credentials", "100%25 no", "next: "]);
}

#[tokio::test]
async fn failed_ci_output_is_noted_without_failing() {
    let nowhere =
        |run: Invocation| run.env("GITHUB_OUTPUT", "/nonexistent/output").env("DOORBELL_DOTENV", "/nonexistent/env");
    let result = publish_in_ci("github", &[], nowhere).await;
    assert_eq!(result.stderr.matches("note: ").count(), 2, "{}", result.stderr);
    assert!(result.stderr.contains("/nonexistent/output can't be written"), "{}", result.stderr);
}

#[tokio::test]
async fn gitlab_dotenv_file_is_overwritten() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("doorbell.env");
    for _ in 0..2 {
        let result = publish_in_ci("gitlab", &["--dotenv", file.to_str().unwrap()], |run| run).await;
        let (job, id) = (result.stdout.trim(), result.job_id());
        let want = format!("DOORBELL_JOB={job}\nDOORBELL_REQUEST_ID={id}\nDOORBELL_MESSAGE_ID={MESSAGE_ID}\n");
        assert_eq!(read(&file), want);
    }
}

/// A `buildkite-agent` that keeps what it was told, and does this.
fn install_agent(folder: &Path, then: &str) -> String {
    let program = folder.join("buildkite-agent");
    let script = format!("#!/bin/sh\n{{ printf '%s\\n' \"$@\"; cat; }} >\"{}/told\"\n{then}\n", folder.display());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

#[tokio::test]
async fn buildkite_step_gets_annotation_and_log_group() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = install_agent(folder.path(), "exit 0");
    let result = publish_in_ci("buildkite", &[], |run| run.env("PATH", &path)).await;
    let agent_input = read(&folder.path().join("told"));
    assert!(agent_input.starts_with("annotate\n--style\ninfo\n--context\ndoorbell-demo\n"), "{agent_input}");
    assert!(agent_input.contains(&format!("| job | `{}` |", result.stdout.trim())), "{agent_input}");
    assert!(result.stderr.contains("~~~ Doorbell"), "{}", result.stderr);
}

#[tokio::test]
async fn failing_buildkite_agent_is_noted() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = install_agent(folder.path(), "exit 3");
    let result = publish_in_ci("buildkite", &[], |run| run.env("PATH", &path)).await;
    assert!(result.stderr.contains("note: buildkite-agent annotate ended with"), "{}", result.stderr);
}

#[tokio::test]
async fn azure_step_gets_log_group() {
    let result = publish_in_ci("azure", &[], |run| run).await;
    assert!(result.stderr.contains("##[group]") && result.stderr.contains("##[endgroup]"), "{}", result.stderr);
}

#[tokio::test]
async fn request_origin_names_ci_build() {
    let sns = Stub::start(&[StubResponse::Success]).await;
    let first = in_build(Invocation::with_sns(&sns, &[]), "gitlab", "pull_request").run().await;
    let again =
        in_build(Invocation::with_sns(&sns, &[]), "gitlab", "pull_request").env("CI_JOB_ID", "7002").run().await;
    assert_eq!(first.stdout, again.stdout, "a step that is run again is the same job");
    let message: serde_json::Value = serde_json::from_str(&sns.messages()[0]).unwrap();
    assert_eq!(message["origin"]["vendor"], "gitlab");
    assert_eq!(message["origin"]["buildUrl"], "https://gitlab.com/acme/team/demo/-/jobs/7001");
    assert_eq!(
        (&message["pullRequest"], &message["commit"]),
        (&7.into(), &"8c1f5e0a9d3b47e6a2c4f1087d6b5e3a90c2d4f6".into())
    );
}
