//! No event ever comes.
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::ChaosArguments;
use super::output::{Finding, rounded};
use super::verdict::{self, Verdict};
use super::{plan, publisher};
use crate::codebuild::EventMode;
use crate::sandbox::{Sandbox, SandboxOptions};

/// Jobs, unless another number is asked for.
const JOBS: u64 = 100;

/// How long a build may be quiet before CodeBuild is asked. The default is a minute; the rule is the same.
const RECONCILE: Duration = Duration::from_secs(5);

pub(super) async fn run(mut options: SandboxOptions, arguments: &ChaosArguments, seed: u64) -> anyhow::Result<Finding> {
    options.buildspec = plan::BUILDSPEC.to_owned();
    let sandbox = Sandbox::start(options).await?;
    sandbox.codebuild.controls.events(EventMode { lose_percent: 100, ..EventMode::default() });
    let jobs = plan::make(&sandbox, sandbox.forge.url(), seed, arguments.jobs.unwrap_or(JOBS)).await?;
    let mut workers = Vec::new();
    for _ in 0..arguments.workers {
        let reconcile = format!("{}s", RECONCILE.as_secs());
        workers.push(sandbox.worker(&[("DOORBELL_BUILD_POLL_INTERVAL", &reconcile)]).await?);
    }
    let deadline = Instant::now() + arguments.limit;
    let rung = publisher::publish(&sandbox, &jobs, &[], Duration::ZERO).await?;
    while sandbox.jobs().await?.iter().filter(|job| job.is_settled()).count() < jobs.len() && Instant::now() < deadline
    {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let evidence = verdict::evidence(&sandbox, &jobs, &rung).await?;
    let verdict = Verdict::of(&evidence);
    let mut finding = Finding::default();
    let events = sandbox.codebuild.controls.event_counts();
    let arrived = sandbox.world.count(&sandbox.world.event_queue_url()).await?;
    finding.must(arrived == 0, || format!("{arrived} events came all the same"));
    finding.broken.extend(verdict.notes);
    let posts = sandbox.forge.flag_posts();
    let mut waits = Vec::new();
    for (job, evidence) in jobs.iter().zip(&evidence) {
        let ended = evidence.builds.first().and_then(|build| build.ended);
        // The first post of the end, as people see it.
        let told = posts.iter().find(|post| {
            post.flag.commit == job.commit.as_str() && post.flag.status != crate::forge::FlagStatus::Pending
        });
        if let (Some(ended), Some(told)) = (ended, told) {
            waits.push(told.at.duration_since(ended).as_secs_f64());
        }
    }
    let longest = waits.iter().copied().fold(0.0, f64::max);
    let periods = longest / RECONCILE.as_secs_f64();
    finding.must(periods <= 2.0, || format!("a flag was right only after {periods:.2} reconcile periods"));
    finding.figures = json!({
        "scenario": "silence",
        "seed": seed,
        "jobs": jobs.len(),
        "builds": verdict.builds,
        "duplicates": verdict.duplicates,
        "lost": verdict.lost,
        "wrong_final": verdict.wrong_final,
        "backwards": verdict.backwards,
        "events_lost": events.lost,
        "describe_calls": sandbox.codebuild.controls.calls().get("BatchGetBuilds"),
        "reconcile_seconds": RECONCILE.as_secs(),
        "longest_wait_seconds": rounded(longest),
        "longest_wait_periods": rounded(periods),
    });
    Ok(finding)
}
