//! Scenario `stops`: workers receive SIGTERM, one after the other, while jobs arrive.
use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::try_join;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

use super::ChaosArguments;
use super::invariants::{self, InvariantReport};
use super::plan::{self, PlannedOutcome};
use super::publisher::{self, MAX_CONCURRENT_PUBLISHERS};
use super::result::{ScenarioResult, round_to_tenth};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::seeded_rng::SeededRng;
use crate::worker_process::WorkerProcess;

/// Jobs per stop.
const JOBS_PER_STOP: u64 = 8;

/// The interval between two jobs, over all publishers.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(250);

/// How long a worker may take to exit; it promises less than ten seconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A claim's lease.
const MAX_BUILD_DELAY: Duration = Duration::from_secs(60);

/// How long the last jobs may take to settle.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(180);

pub(super) async fn run(
    mut options: SandboxOptions,
    arguments: &ChaosArguments,
    seed: u64,
) -> anyhow::Result<ScenarioResult> {
    options.buildspec = plan::BUILDSPEC.to_owned();
    // The worse of two things that SQS may do with long polls of callers that disconnected.
    options.hanging_polls = true;
    let stops = u64::from(arguments.stops);
    let sandbox = Sandbox::start(options).await?;
    let jobs = arguments.jobs.unwrap_or(stops * JOBS_PER_STOP);
    let planned = plan::create_jobs(&sandbox, sandbox.forge.url(), seed, jobs).await?;
    let publish_duration = PUBLISH_INTERVAL * u32::try_from(jobs)?;
    let publishing =
        publisher::publish(&sandbox, &planned, &[], PUBLISH_INTERVAL * u32::try_from(MAX_CONCURRENT_PUBLISHERS)?);
    let stopping = stop_one_by_one(&sandbox, arguments, seed, publish_duration / u32::from(arguments.stops));
    let (published, (stop_results, _workers)) = try_join(publishing, stopping).await?;
    let started = Instant::now();
    while started.elapsed() < SETTLE_TIMEOUT {
        if invariants::settled_count(&published, &sandbox.jobs().await?) == planned.len() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let observed = invariants::observe_jobs(&sandbox, &planned, &published).await?;
    let report = InvariantReport::from_jobs(&observed);
    let published_at: HashMap<&str, Timestamp> = published.iter().map(|job| (job.key.as_str(), job.at)).collect();
    let mut build_delays: Vec<Duration> = observed
        .iter()
        .filter(|job| job.outcome != PlannedOutcome::Rejected)
        .filter_map(|job| Some((published_at.get(job.key.as_str())?, job.builds.first()?)))
        .map(|(at, build)| Duration::try_from(build.started.duration_since(*at)).unwrap_or_default())
        .collect();
    build_delays.sort_unstable();
    let longest = build_delays.last().copied().unwrap_or_default();
    let slowest = stop_results.durations.iter().max().copied().unwrap_or_default();
    let mut result = ScenarioResult::default();
    result.require(stop_results.failures.is_empty(), || {
        format!("workers exited with an error: {:?}", stop_results.failures)
    });
    result.require(slowest < STOP_TIMEOUT, || format!("a worker took {slowest:?} to exit"));
    result.require(longest <= MAX_BUILD_DELAY, || format!("a job waited {longest:?} for its build"));
    result.violations.extend(report.violations);
    result.figures = json!({
        "scenario": "stops",
        "seed": seed,
        "stops": stop_results.durations.len(),
        "slowest_stop_seconds": round_to_tenth(slowest.as_secs_f64()),
        "jobs": planned.len(),
        "builds": report.builds,
        "duplicates": report.duplicates,
        "lost": report.lost,
        "wrong_final": report.wrong_final,
        "backwards": report.backwards,
        "median_wait_seconds": round_to_tenth(build_delays.get(build_delays.len() / 2).copied().unwrap_or_default().as_secs_f64()),
        "longest_wait_seconds": round_to_tenth(longest.as_secs_f64()),
        "waits_over_5_seconds": build_delays.iter().map(Duration::as_secs).filter(|wait| *wait >= 5).collect::<Vec<_>>(),
    });
    Ok(result)
}

/// How the workers exited.
#[derive(Debug, Default)]
struct StopResults {
    durations: Vec<Duration>,
    failures: Vec<String>,
}

/// Stops workers as a deployment does: the next one is up before the last one gets SIGTERM. Returns those that still
/// run.
async fn stop_one_by_one(
    sandbox: &Sandbox,
    arguments: &ChaosArguments,
    seed: u64,
    every: Duration,
) -> anyhow::Result<(StopResults, Vec<WorkerProcess>)> {
    let mut workers: Vec<WorkerProcess> = Vec::new();
    for _ in 0..arguments.workers {
        workers.push(sandbox.start_worker(&[]).await?);
    }
    let mut rng = SeededRng::for_purpose(seed, "stops", 0);
    let mut stop_results = StopResults::default();
    let started = Instant::now();
    for round in 1..=u32::from(arguments.stops) {
        tokio::time::sleep_until(started + every * round).await;
        let index = usize::try_from(rng.below(workers.len() as u64))?;
        let replacement = sandbox.start_worker(&[]).await?;
        let stopped = std::mem::replace(&mut workers[index], replacement);
        // Twice the promised time, so a slow worker is measured and not only a timeout.
        let (status, took) = stopped.terminate(STOP_TIMEOUT * 2).await?;
        if status.code() != Some(0) {
            stop_results.failures.push(status.to_string());
        }
        stop_results.durations.push(took);
    }
    Ok((stop_results, workers))
}
