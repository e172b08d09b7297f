//! Scenario `names`: requests for unknown names, beside registered ones, while SSM throttles.
use std::time::Duration;

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tokio::time::Instant;

use super::ChaosArguments;
use super::drip::envelope;
use super::result::{ScenarioResult, round_to_tenth};
use crate::git_host::EXECUTABLE_FILE;
use crate::proxy::Proxy;
use crate::sandbox::{Sandbox, SandboxOptions};

/// Unknown names without `--jobs`, and the rate at which they are sent.
const DEFAULT_NAMES: u64 = 6000;
const NAMES_PER_SECOND: usize = 300;

/// Messages in one call of SQS.
const BATCH: usize = 10;

/// Registered projects.
const PROJECTS: usize = 1000;

/// Calls a second that SSM serves to the whole account.
const SSM_CALLS_PER_SECOND: usize = 40;

/// Bounds: seconds from a registered project's receive by a worker to its build, and SSM calls a second and worker.
///
/// The flood's calls are passes and single reads. A registered project's own read is not the flood's, and has a bound of
/// its own of the same size.
const MAX_SECONDS: f64 = 1.0;
const MAX_SSM_CALLS: f64 = 2.0;
const FLOOD_CALLS: [&str; 2] = ["AmazonSSM.GetParametersByPath", "AmazonSSM.GetParameter"];
const REGISTERED_CALLS: [&str; 1] = ["AmazonSSM.GetParameters"];

/// A pass over all names reads a page of ten a second.
const MAX_PASS: Duration = Duration::from_secs(180);

const BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - true\n";

pub(super) async fn run(mut options: SandboxOptions, arguments: &ChaosArguments) -> anyhow::Result<ScenarioResult> {
    options.buildspec = BUILDSPEC.to_owned();
    options.codebuild.account_limit = PROJECTS;
    let names = usize::try_from(arguments.jobs.unwrap_or(DEFAULT_NAMES))?;
    let sandbox = Sandbox::start(options).await?;
    let commit = register_projects(&sandbox).await?;
    let proxy = Proxy::start(sandbox.account.emulator().endpoint(), sandbox.account.ca(), 0).await?;
    proxy.limit_rate("AmazonSSM.", SSM_CALLS_PER_SECOND);
    let environment = [("AWS_ENDPOINT_URL", proxy.url()), ("DOORBELL_SWEEP_INTERVAL", "5s")];
    let mut workers = vec![sandbox.start_worker(&environment).await?];
    wait_for_names(&sandbox).await?;
    while workers.len() + 1 < usize::from(arguments.workers) {
        workers.push(sandbox.start_worker(&environment).await?);
    }
    let (began, throttled_before) = (Instant::now(), proxy.rate_limited());
    let before = [count_calls(&proxy, &FLOOD_CALLS), count_calls(&proxy, &REGISTERED_CALLS)];
    let mut registered = Vec::new();
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    for (second, first) in (0..names).step_by(NAMES_PER_SECOND).enumerate() {
        interval.tick().await;
        if first >= names / 2 && workers.len() < usize::from(arguments.workers) {
            // It starts in the middle of the flood.
            workers.push(sandbox.start_worker(&environment).await?);
        }
        let project = project_name(second * 7 % PROJECTS);
        let request = json!({ "project": project, "branch": "main", "commit": commit });
        let message_id = format!("receive-{second:06}");
        proxy.watch_response("AmazonSQS.ReceiveMessage", &message_id);
        let body = envelope(&sandbox, &message_id, &request);
        sandbox.account.send_to_queue(&sandbox.account.trigger_queue_url(), &body).await?;
        registered.push(message_id);
        send_unknown(&sandbox, first..(first + NAMES_PER_SECOND).min(names)).await?;
    }
    let flooded = began.elapsed();
    let deadline = Instant::now() + arguments.limit;
    while sandbox.account.message_count(&sandbox.account.trigger_queue_url()).await? > 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let took = began.elapsed().as_secs_f64();
    let rate = |calls: &[&str], before: u64| (count_calls(&proxy, calls) - before) as f64 / took / workers.len() as f64;
    let (of_flood, of_registered) = (rate(&FLOOD_CALLS, before[0]), rate(&REGISTERED_CALLS, before[1]));
    let mut waits = start_delays(&sandbox, &proxy, &registered).await?;
    waits.sort_by(f64::total_cmp);
    let longest = waits.last().copied().unwrap_or_default();
    let mut result = ScenarioResult::default();
    result.require(waits.len() == registered.len(), || {
        format!("{} of {} registered projects were started", waits.len(), registered.len())
    });
    result.require(longest <= MAX_SECONDS, || format!("a registered project started {longest:.2} s after its receive"));
    // In a time there is one call more of each kind than there are intervals.
    let first_calls = FLOOD_CALLS.len() as f64 / took;
    for (what, calls) in [("a flood's", of_flood), ("registered projects'", of_registered)] {
        result.require(calls <= MAX_SSM_CALLS + first_calls, || {
            format!("{calls:.2} of {what} SSM calls a second and worker")
        });
    }
    result.figures = json!({
        "scenario": "names",
        "workers": workers.len(),
        "unknown_names": names,
        "names_per_second": round_to_tenth(names as f64 / flooded.as_secs_f64()),
        "received_per_second": round_to_tenth(names as f64 / took),
        "registered_jobs": registered.len(),
        "longest_start_seconds": round_to_hundredth(longest),
        "median_start_seconds": round_to_hundredth(waits.get(waits.len() / 2).copied().unwrap_or_default()),
        "ssm_calls_of_the_flood_per_second_and_worker": round_to_hundredth(of_flood),
        "ssm_calls_of_registered_projects_per_second_and_worker": round_to_hundredth(of_registered),
        "ssm_calls_throttled": proxy.rate_limited() - throttled_before,
    });
    Ok(result)
}

fn round_to_hundredth(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn project_name(number: usize) -> String {
    format!("registered-{number:04}")
}

/// Registers all projects, with one repository. Returns its commit.
async fn register_projects(sandbox: &Sandbox) -> anyhow::Result<String> {
    let repository = sandbox.forge.create_repository("demo").await?;
    let commit = repository.commit("main", &[("ci.sh", EXECUTABLE_FILE, "")], "nothing").await?;
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    // Without reports: their flags would be the emulator's main load.
    document.as_object_mut().context("a document is an object")?.remove("reportTo");
    let document = document.to_string();
    let puts = (0..PROJECTS).map(|number| {
        let (name, document) = (project_name(number), &document);
        async move { sandbox.account.put_parameter(&name, document).await }
    });
    stream::iter(puts).buffer_unordered(BATCH).try_collect::<()>().await?;
    Ok(commit.as_str().to_owned())
}

/// Waits until a worker has stored the names of a whole pass.
async fn wait_for_names(sandbox: &Sandbox) -> anyhow::Result<()> {
    let deadline = Instant::now() + MAX_PASS;
    while !sandbox.account.has_item("#registry").await? {
        anyhow::ensure!(Instant::now() < deadline, "no pass over the registry has ended after {MAX_PASS:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

async fn send_unknown(sandbox: &Sandbox, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    let numbers: Vec<usize> = numbers.collect();
    let url = sandbox.account.trigger_queue_url();
    let batches = numbers.chunks(BATCH).map(|numbers| {
        let bodies: Vec<String> = numbers
            .iter()
            .map(|number| {
                let request = json!({ "project": format!("unknown-{number}"), "branch": "main" });
                envelope(sandbox, &format!("unknown-{number}"), &request)
            })
            .collect();
        let url = &url;
        async move { sandbox.account.send_batch(url, &bodies).await }
    });
    Ok(stream::iter(batches).buffer_unordered(4).try_collect::<()>().await?)
}

fn count_calls(proxy: &Proxy, names: &[&str]) -> u64 {
    proxy.call_counts().iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(_, count)| count).sum()
}

/// Seconds from each message's receive to its build, both by this machine's clock.
///
/// A row's `received_at` would not do: a worker takes the time from `Date` headers, which have whole seconds, so it may be
/// wrong by half a second.
async fn start_delays(sandbox: &Sandbox, proxy: &Proxy, messages: &[String]) -> anyhow::Result<Vec<f64>> {
    let builds = sandbox.codebuild.controls.builds();
    let jobs = sandbox.jobs().await?;
    let delays = jobs.iter().filter_map(|job| {
        let message = job.json()["message"]["id"].as_str().filter(|id| messages.iter().any(|message| message == id))?;
        let received = proxy.first_seen(message)?;
        let is_of = |id: &String| id.ends_with(&format!(":{}", job.key()));
        let build = builds.iter().find(|build| build.job_id.as_ref().is_some_and(is_of))?;
        Some(build.started.duration_since(received).as_secs_f64())
    });
    Ok(delays.collect())
}
