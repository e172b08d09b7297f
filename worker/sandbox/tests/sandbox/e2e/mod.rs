//! End-to-end tests with the real binaries: what a user sees, and the invariants under faults.
mod bad_input;
mod ci;
mod demo;
mod done_events;
mod final_status;
mod happy_path;
mod idempotency;
mod iwomp;
mod message_groups;
mod open_files;
mod opentelemetry;
mod order;
mod pinned;
mod pull_requests;
mod shutdown;
mod status_reports;
mod stolen_worker;
mod upgrade;
mod worker_crash;

use std::time::Duration;

use doorbell_messages::CommitId;
use doorbell_sandbox::git_host::{EXECUTABLE_FILE, GitRepository};
use doorbell_sandbox::programs::Programs;
use doorbell_sandbox::sandbox::{Sandbox, SandboxOptions};
use serde_json::{Value, json};

use crate::emulator::python;

/// The timeout of one job on a busy machine.
pub(crate) const JOB_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) const PASSING_SCRIPT: &str = "#!/bin/sh\nexit 0\n";

pub(crate) fn options() -> SandboxOptions {
    SandboxOptions::new(Programs::find().unwrap(), python())
}

pub(crate) async fn start_sandbox() -> Sandbox {
    Sandbox::start(options()).await.unwrap()
}

/// Creates a repository whose `main` holds this script and registers it as the project `demo`.
pub(crate) async fn register_demo(sandbox: &Sandbox, script: &str) -> (GitRepository, CommitId) {
    let repository = sandbox.forge.create_repository("demo").await.unwrap();
    let commit = repository.commit("main", &[("ci.sh", EXECUTABLE_FILE, script)], "a script").await.unwrap();
    sandbox.register_project("demo", &sandbox.registry_document(&repository, &json!("./ci.sh"))).await.unwrap();
    (repository, commit)
}

/// Publishes by `trigger_job`; returns the job's key.
pub(crate) async fn trigger(sandbox: &Sandbox, arguments: &[&str]) -> String {
    sandbox.trigger(arguments).await.unwrap().job_key().unwrap()
}

/// The envelope that SNS would put into the trigger queue for this request.
pub(crate) fn envelope(sandbox: &Sandbox, message_id: &str, request: &Value) -> String {
    json!({
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": sandbox.account.topic_arn(),
        "Message": request.to_string(),
        "Timestamp": now(),
    })
    .to_string()
}

fn now() -> String {
    doorbell_sandbox::now_in_iso_8601()
}

/// The statuses that a job's flags have shown, in order.
fn flag_history(sandbox: &Sandbox, commit: &CommitId) -> Vec<&'static str> {
    let posts = sandbox.forge.flag_posts().into_iter().filter(|post| post.flag.commit == commit.as_str());
    posts.map(|post| post.flag.status.as_str()).collect()
}

/// The only flag on a commit.
fn single_flag(sandbox: &Sandbox, commit: &CommitId) -> doorbell_sandbox::forge::PagureFlag {
    let mut flags = sandbox.forge.flags(commit.as_str());
    assert_eq!(flags.len(), 1, "{flags:?}");
    flags.remove(0)
}
