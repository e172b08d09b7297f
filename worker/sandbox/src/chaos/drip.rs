//! Scenario `drip`: a forge that sends one byte a second.
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::ChaosArguments;
use super::result::{ScenarioResult, round_to_tenth};
use crate::forge::{FaultScope, ForgeFailure, ForgeFault, ForgeOptions, ForgeServer};
use crate::git_host::EXECUTABLE_FILE;
use crate::sandbox::{Sandbox, SandboxOptions};

/// Requests for the slow forge without `--jobs`.
const DEFAULT_JOBS: u64 = 250;

/// Requests for the other one, one after the other.
const OTHER_JOBS: usize = 5;

/// The time from a request of another project to its build.
const MAX_SECONDS: f64 = 2.0;

const BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - true\n";

pub(super) async fn run(mut options: SandboxOptions, arguments: &ChaosArguments) -> anyhow::Result<ScenarioResult> {
    options.buildspec = BUILDSPEC.to_owned();
    let jobs = usize::try_from(arguments.jobs.unwrap_or(DEFAULT_JOBS))?;
    let sandbox = Sandbox::start(options).await?;
    let directory = sandbox.account.dir().join("slow-forge");
    let slow = ForgeServer::start(ForgeOptions { ca: sandbox.account.ca(), dir: directory }).await?;
    slow.fail_next(usize::MAX / 2, FaultScope::Api, ForgeFault::Before(ForgeFailure::Drip));
    register(&sandbox, "slow", &slow).await?;
    register(&sandbox, "other", &sandbox.forge).await?;
    let hosts = [slow.url(), sandbox.forge.url()].map(|url| url.trim_start_matches("https://")).join(",");
    let _worker = sandbox.start_worker(&[("DOORBELL_ALLOW_PRIVATE_FORGES", &hosts)]).await?;
    for number in 0..jobs {
        send(&sandbox, "slow", number).await?;
    }
    let mut seconds = Vec::new();
    for number in 0..OTHER_JOBS {
        let began = Timestamp::now();
        let builds = sandbox.codebuild.controls.builds().len();
        send(&sandbox, "other", jobs + number).await?;
        let deadline = Instant::now() + arguments.limit;
        while sandbox.codebuild.controls.builds().len() == builds && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let started = sandbox.codebuild.controls.builds().last().context("no build was started")?.started;
        seconds.push(started.duration_since(began).as_secs_f64());
    }
    let longest = seconds.iter().copied().fold(0.0, f64::max);
    let calls = slow.calls().len();
    let mut result = ScenarioResult::default();
    result.require(sandbox.codebuild.controls.builds().len() == OTHER_JOBS, || "a build of the slow forge".to_owned());
    result.require(longest <= MAX_SECONDS, || format!("another project started after {longest:.2} s"));
    result.figures = json!({
        "scenario": "drip",
        "requests_for_the_slow_forge": jobs,
        "calls_of_the_slow_forge": calls,
        "other_jobs": OTHER_JOBS,
        "longest_start_seconds": round_to_tenth(longest),
    });
    Ok(result)
}

async fn register(sandbox: &Sandbox, project: &str, forge: &ForgeServer) -> anyhow::Result<()> {
    let repository = forge.create_repository(project).await?;
    repository.commit("main", &[("ci.sh", EXECUTABLE_FILE, "")], "nothing").await?;
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["reportTo"]["url"] = forge.url().into();
    sandbox.register_project(project, &document).await
}

/// Sends a request without a commit, for which the worker asks the forge.
async fn send(sandbox: &Sandbox, project: &str, number: usize) -> anyhow::Result<()> {
    let body = envelope(sandbox, &format!("drip-{number}"), &json!({ "project": project, "branch": "main" }));
    Ok(sandbox.account.send_to_queue(&sandbox.account.trigger_queue_url(), &body).await?)
}

/// A request as SNS wraps it.
fn envelope(sandbox: &Sandbox, id: &str, request: &Value) -> String {
    json!({
        "Type": "Notification",
        "MessageId": id,
        "TopicArn": sandbox.account.topic_arn(),
        "Message": request.to_string(),
        "Timestamp": crate::now_in_iso_8601(),
    })
    .to_string()
}
