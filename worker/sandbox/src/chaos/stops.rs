//! Workers that are told to stop, one after the other, while jobs come in.
use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::try_join;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

use super::ChaosArguments;
use super::output::{Finding, rounded};
use super::plan::{self, Kind};
use super::publisher::{self, AT_ONCE};
use super::verdict::{self, Verdict};
use crate::dice::Dice;
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::worker_process::WorkerProcess;

/// Jobs for each stop.
const JOBS_A_STOP: u64 = 8;

/// Between two jobs, over all senders.
const PACE: Duration = Duration::from_millis(250);

/// What a worker may take to end: it promises less than ten seconds.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A claim's minute.
const WAIT_AT_MOST: Duration = Duration::from_secs(60);

/// How long the last jobs may take.
const SETTLE_WITHIN: Duration = Duration::from_secs(180);

pub(super) async fn run(mut options: SandboxOptions, arguments: &ChaosArguments, seed: u64) -> anyhow::Result<Finding> {
    options.buildspec = plan::BUILDSPEC.to_owned();
    // The worse of two things that SQS may do with the polls of those that have gone.
    options.hanging_polls = true;
    let stops = u64::from(arguments.stops);
    let sandbox = Sandbox::start(options).await?;
    let jobs = arguments.jobs.unwrap_or(stops * JOBS_A_STOP);
    let planned = plan::make(&sandbox, sandbox.forge.url(), seed, jobs).await?;
    let lasts = PACE * u32::try_from(jobs)?;
    let publishing = publisher::publish(&sandbox, &planned, &[], PACE * u32::try_from(AT_ONCE)?);
    let stopping = stop_in_turn(&sandbox, arguments, seed, lasts / u32::from(arguments.stops));
    let (rung, (ends, _workers)) = try_join(publishing, stopping).await?;
    let started = Instant::now();
    while started.elapsed() < SETTLE_WITHIN {
        let settled = sandbox.jobs().await?.iter().filter(|job| job.is_settled()).count();
        if settled == planned.len() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let evidence = verdict::evidence(&sandbox, &planned, &rung).await?;
    let verdict = Verdict::of(&evidence);
    let published: HashMap<&str, Timestamp> = rung.iter().map(|rung| (rung.key.as_str(), rung.at)).collect();
    let mut waits: Vec<Duration> = evidence
        .iter()
        .filter(|job| job.kind != Kind::Refused)
        .filter_map(|job| Some((published.get(job.key.as_str())?, job.builds.first()?)))
        .map(|(at, build)| Duration::try_from(build.started.duration_since(*at)).unwrap_or_default())
        .collect();
    waits.sort_unstable();
    let longest = waits.last().copied().unwrap_or_default();
    let slowest = ends.took.iter().max().copied().unwrap_or_default();
    let mut finding = Finding::default();
    finding.must(ends.bad.is_empty(), || format!("not every worker ended well: {:?}", ends.bad));
    finding.must(slowest < STOP_WITHIN, || format!("a worker took {slowest:?} to end"));
    finding.must(longest <= WAIT_AT_MOST, || format!("a job waited {longest:?} for its build"));
    finding.broken.extend(verdict.notes);
    finding.figures = json!({
        "scenario": "stops",
        "seed": seed,
        "stops": ends.took.len(),
        "slowest_stop_seconds": rounded(slowest.as_secs_f64()),
        "jobs": planned.len(),
        "builds": verdict.builds,
        "duplicates": verdict.duplicates,
        "lost": verdict.lost,
        "wrong_final": verdict.wrong_final,
        "backwards": verdict.backwards,
        "median_wait_seconds": rounded(waits.get(waits.len() / 2).copied().unwrap_or_default().as_secs_f64()),
        "longest_wait_seconds": rounded(longest.as_secs_f64()),
        "waits_over_5_seconds": waits.iter().map(Duration::as_secs).filter(|wait| *wait >= 5).collect::<Vec<_>>(),
    });
    Ok(finding)
}

/// How the workers ended.
#[derive(Debug, Default)]
struct Ends {
    took: Vec<Duration>,
    bad: Vec<String>,
}

/// As a deployment does it: the next one is up before the last one is told. The workers of the end go on.
async fn stop_in_turn(
    sandbox: &Sandbox,
    arguments: &ChaosArguments,
    seed: u64,
    every: Duration,
) -> anyhow::Result<(Ends, Vec<WorkerProcess>)> {
    let mut workers: Vec<WorkerProcess> = Vec::new();
    for _ in 0..arguments.workers {
        workers.push(sandbox.worker(&[]).await?);
    }
    let mut dice = Dice::of(seed, "stops", 0);
    let mut ends = Ends::default();
    let started = Instant::now();
    for turn in 1..=u32::from(arguments.stops) {
        tokio::time::sleep_until(started + every * turn).await;
        let victim = usize::try_from(dice.below(workers.len() as u64))?;
        let next = sandbox.worker(&[]).await?;
        let old = std::mem::replace(&mut workers[victim], next);
        // Twice as long as promised, so that one that is too slow is measured and not only missed.
        let (status, took) = old.terminate(STOP_WITHIN * 2).await?;
        if status.code() != Some(0) {
            ends.bad.push(status.to_string());
        }
        ends.took.push(took);
    }
    Ok((ends, workers))
}
