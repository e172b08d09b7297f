//! Scenario `quota`: more jobs than CodeBuild runs at once.
//!
//! It measures how much longer than the ideal the jobs take, and with how many calls.
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

use super::ChaosArguments;
use super::result::{ScenarioResult, round_to_tenth};
use crate::bench::enqueue_requests;
use crate::git_host::EXECUTABLE_FILE;
use crate::sandbox::{Sandbox, SandboxOptions};

/// Jobs without `--jobs`.
const DEFAULT_JOBS: u64 = 200;

/// The build project's limit, and what each build does.
const SLOTS: u32 = 20;
const BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - sleep 0.5\n";

/// The worker's default. The sandbox's own, shorter interval would make sweeps the emulator's main load.
const SWEEP_INTERVAL: &str = "5s";

/// Bounds: the duration relative to the ideal, and StartBuild calls per job.
const MAX_TIMES_IDEAL: f64 = 1.5;
const MAX_CALLS_PER_JOB: f64 = 1.5;

pub(super) async fn run(mut options: SandboxOptions, arguments: &ChaosArguments) -> anyhow::Result<ScenarioResult> {
    options.buildspec = BUILDSPEC.to_owned();
    options.concurrent_builds = Some(SLOTS);
    // Only the build project's own limit applies.
    options.codebuild.account_limit = 10 * SLOTS as usize;
    let jobs = usize::try_from(arguments.jobs.unwrap_or(DEFAULT_JOBS))?;
    let sandbox = Sandbox::start(options).await?;
    let repository = sandbox.forge.create_repository("demo").await?;
    let commit = repository.commit("main", &[("ci.sh", EXECUTABLE_FILE, "")], "nothing").await?;
    sandbox.register_project("demo", &sandbox.registry_document(&repository, &json!("./ci.sh"))).await?;
    let mut workers = Vec::new();
    for _ in 0..arguments.workers {
        workers.push(sandbox.start_worker(&[("DOORBELL_SWEEP_INTERVAL", SWEEP_INTERVAL)]).await?);
    }
    let began = Timestamp::now();
    enqueue_requests(&sandbox, jobs, commit.as_str()).await?;
    let deadline = Instant::now() + arguments.limit;
    let ended_builds = || sandbox.codebuild.controls.builds().iter().filter(|build| build.ended.is_some()).count();
    while ended_builds() < jobs && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let builds = sandbox.codebuild.controls.builds();
    let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64();
    let durations: Vec<f64> = builds.iter().filter_map(|build| Some(seconds(build.started, build.ended?))).collect();
    let last = builds.iter().filter_map(|build| build.ended).max().unwrap_or(began);
    let mean = durations.iter().sum::<f64>() / durations.len().max(1) as f64;
    // The ideal: every slot is taken from first to last, by builds as long as these were.
    let ideal = mean * (jobs as f64 / f64::from(SLOTS)).ceil();
    let took = seconds(began, last);
    let starts = sandbox.codebuild.controls.call_counts().get("StartBuild").copied().unwrap_or_default();
    let calls = starts as f64 / jobs as f64;
    let mut result = ScenarioResult::default();
    result.require(builds.len() == jobs, || format!("{} builds of {jobs} jobs", builds.len()));
    result.require(durations.len() == jobs, || format!("{} of {jobs} jobs are finished", durations.len()));
    result.require(took <= MAX_TIMES_IDEAL * ideal, || format!("the jobs took {:.2} times the ideal", took / ideal));
    result.require(calls <= MAX_CALLS_PER_JOB, || format!("{calls:.2} StartBuild calls per job"));
    result.figures = json!({
        "scenario": "quota",
        "jobs": jobs,
        "slots": SLOTS,
        "builds": builds.len(),
        "mean_build_seconds": round_to_tenth(mean),
        "ideal_seconds": round_to_tenth(ideal),
        "seconds": round_to_tenth(took),
        "times_ideal": (took / ideal * 100.0).round() / 100.0,
        "start_build_calls_per_job": (calls * 100.0).round() / 100.0,
    });
    Ok(result)
}
