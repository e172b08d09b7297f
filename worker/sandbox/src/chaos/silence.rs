//! Scenario `silence`: no event arrives.
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::ChaosArguments;
use super::invariants::{self, InvariantReport};
use super::result::{ScenarioResult, round_to_tenth};
use super::{plan, publisher};
use crate::codebuild::EventMode;
use crate::sandbox::{Sandbox, SandboxOptions};

/// Jobs without `--jobs`.
const DEFAULT_JOBS: u64 = 100;

/// The worker's build poll interval. The default is a minute; the rule is the same.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

pub(super) async fn run(
    mut options: SandboxOptions,
    arguments: &ChaosArguments,
    seed: u64,
) -> anyhow::Result<ScenarioResult> {
    options.buildspec = plan::BUILDSPEC.to_owned();
    let sandbox = Sandbox::start(options).await?;
    sandbox.codebuild.controls.set_event_mode(EventMode { lose_percent: 100, ..EventMode::default() });
    let jobs = plan::create_jobs(&sandbox, sandbox.forge.url(), seed, arguments.jobs.unwrap_or(DEFAULT_JOBS)).await?;
    let mut workers = Vec::new();
    for _ in 0..arguments.workers {
        let poll_interval = format!("{}s", POLL_INTERVAL.as_secs());
        workers.push(sandbox.start_worker(&[("DOORBELL_BUILD_POLL_INTERVAL", &poll_interval)]).await?);
    }
    let deadline = Instant::now() + arguments.limit;
    let published = publisher::publish(&sandbox, &jobs, &[], Duration::ZERO).await?;
    while invariants::settled_count(&published, &sandbox.jobs().await?) < jobs.len() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let observed = invariants::observe_jobs(&sandbox, &jobs, &published).await?;
    let report = InvariantReport::from_jobs(&observed);
    let mut result = ScenarioResult::default();
    let events = sandbox.codebuild.controls.event_counts();
    let arrived = sandbox.account.message_count(&sandbox.account.event_queue_url()).await?;
    result.require(arrived == 0, || format!("{arrived} events arrived"));
    result.violations.extend(report.violations);
    let posts = sandbox.forge.flag_posts();
    let mut delays = Vec::new();
    for (job, observed) in jobs.iter().zip(&observed) {
        let ended = observed.builds.first().and_then(|build| build.ended);
        // The first post of the final status, which people see.
        let final_post = posts.iter().find(|post| {
            post.flag.commit == job.commit.as_str() && post.flag.status != crate::forge::FlagStatus::Pending
        });
        if let (Some(ended), Some(final_post)) = (ended, final_post) {
            delays.push(final_post.at.duration_since(ended).as_secs_f64());
        }
    }
    let longest = delays.iter().copied().fold(0.0, f64::max);
    let periods = longest / POLL_INTERVAL.as_secs_f64();
    result.require(periods <= 2.0, || format!("a flag was correct only after {periods:.2} build poll intervals"));
    result.figures = json!({
        "scenario": "silence",
        "seed": seed,
        "jobs": jobs.len(),
        "builds": report.builds,
        "duplicates": report.duplicates,
        "lost": report.lost,
        "wrong_final": report.wrong_final,
        "backwards": report.backwards,
        "events_lost": events.lost,
        "describe_calls": sandbox.codebuild.controls.call_counts().get("BatchGetBuilds"),
        "reconcile_seconds": POLL_INTERVAL.as_secs(),
        "longest_wait_seconds": round_to_tenth(longest),
        "longest_wait_periods": round_to_tenth(periods),
    });
    Ok(result)
}
