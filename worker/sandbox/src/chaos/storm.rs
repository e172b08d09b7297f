//! Scenario `storm`: all faults at once.
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::fleet::WorkerFleet;
use super::invariants::{self, InvariantReport};
use super::plan::{self, JobPlan};
use super::proxies::FaultProxies;
use super::publisher::{self, PublishedJob};
use super::result::{ScenarioResult, round_to_tenth};
use super::{ChaosArguments, clock_jump, event_faults};
use crate::account::definition::{DEAD_LETTER_QUEUE, EVENT_DEAD_LETTER_QUEUE};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::seeded_rng::SeededRng;

/// Jobs without `--jobs`.
const DEFAULT_JOBS: u64 = 1000;

/// How long one set of event faults lasts.
const FAULT_INTERVAL: Duration = Duration::from_secs(4);

/// The interval between restarts of the forge, and how long it is down each time.
const FORGE_RESTART_INTERVAL: Duration = Duration::from_secs(12);
const FORGE_DOWNTIME: Duration = Duration::from_secs(1);

/// The interval between reads of the ledger: reading a thousand rows is work for the emulator.
const LEDGER_POLL_INTERVAL: Duration = Duration::from_secs(4);

/// The work queues' visibility timeout.
///
/// Shorter than the account's own 20 s: a message then returns while a worker may still handle it.
const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(15);

/// Counts of a storm besides disruptions and proxy faults.
#[derive(Debug, Default)]
struct StormCounts {
    time_jumps: u64,
    redriven: u64,
    forge_restarts: u64,
}

pub(super) async fn run(
    mut options: SandboxOptions,
    arguments: &ChaosArguments,
    seed: u64,
) -> anyhow::Result<ScenarioResult> {
    options.buildspec = plan::BUILDSPEC.to_owned();
    let sandbox = Sandbox::start(options).await?;
    sandbox.account.set_visibility_timeout(VISIBILITY_TIMEOUT).await?;
    let proxies = FaultProxies::start(&sandbox, seed).await?;
    let jobs = plan::create_jobs(&sandbox, proxies.forge_url(), seed, arguments.jobs.unwrap_or(DEFAULT_JOBS)).await?;
    proxies.set_percent(arguments.faults);
    let mut fleet = WorkerFleet::start(&sandbox, worker_environment(&proxies), arguments.workers)?;
    let mut counts = StormCounts::default();
    let started = Instant::now();
    let storm = StormRun { sandbox: &sandbox, proxies: &proxies, jobs: &jobs, arguments, seed };
    let published = storm.run_faults(&mut fleet, &mut counts).await?;
    let seconds = started.elapsed().as_secs_f64();
    fleet.kill_all().await?;
    let report = InvariantReport::from_jobs(&invariants::observe_jobs(&sandbox, &jobs, &published).await?);
    let mut result = ScenarioResult::default();
    for (what, count) in [
        ("duplicates", report.duplicates),
        ("lost", report.lost),
        ("wrong_final", report.wrong_final),
        ("backwards", report.backwards),
    ] {
        result.require(count == 0, || format!("{what}: {count}"));
    }
    result.violations.extend(report.violations);
    let faults: BTreeMap<&str, u64> =
        proxies.fault_counts().into_iter().map(|(fault, count)| (fault.name(), count)).collect();
    let events = sandbox.codebuild.controls.event_counts();
    let calls = sandbox.codebuild.controls.call_counts();
    result.figures = json!({
        "scenario": "storm",
        "seed": seed,
        "jobs": jobs.len(),
        "builds": report.builds,
        "duplicates": report.duplicates,
        "lost": report.lost,
        "wrong_final": report.wrong_final,
        "backwards": report.backwards,
        "kills": fleet.disruptions.total(),
        "signals": { "kill": fleet.disruptions.kill, "term": fleet.disruptions.term, "stop": fleet.disruptions.stop },
        "faults": faults,
        "events": { "lost": events.lost, "repeated": events.repeated, "reordered": events.reordered },
        "forge_restarts": counts.forge_restarts,
        "time_jumps": counts.time_jumps,
        "redriven": counts.redriven,
        "start_build_calls": calls.get("StartBuild"),
        "flag_posts": sandbox.forge.flag_posts().len(),
        "dead_letters": sandbox.account.message_count(&sandbox.account.queue_url(DEAD_LETTER_QUEUE)).await?,
        "dead_events": sandbox.account.message_count(&sandbox.account.queue_url(EVENT_DEAD_LETTER_QUEUE)).await?,
        "seconds": round_to_tenth(seconds),
        "peak_memory": round_to_tenth(fleet.peak_megabytes()),
    });
    Ok(result)
}

fn worker_environment(proxies: &FaultProxies) -> Vec<(&'static str, String)> {
    let mut environment = proxies.worker_environment();
    environment.push(("DOORBELL_BUILD_POLL_INTERVAL", "5s".to_owned()));
    // The clocks of a long storm jump by more than the default of 24 h, after which a job that waits has failed.
    environment.push(("DOORBELL_QUEUE_TIMEOUT", "720h".to_owned()));
    environment
}

struct StormRun<'a> {
    sandbox: &'a Sandbox,
    proxies: &'a FaultProxies,
    jobs: &'a [JobPlan],
    arguments: &'a ChaosArguments,
    seed: u64,
}

impl StormRun<'_> {
    /// Runs the faults until every job is settled or the time limit is reached.
    async fn run_faults(
        &self,
        fleet: &mut WorkerFleet<'_>,
        counts: &mut StormCounts,
    ) -> anyhow::Result<Vec<PublishedJob>> {
        let mut restarts = 0;
        let published = tokio::select! {
            never = self.vary_event_faults() => never?,
            never = self.restart_forge(&mut restarts) => never?,
            published = self.disrupt_until_settled(fleet, counts) => published?,
        };
        counts.forge_restarts = restarts;
        Ok(published)
    }

    async fn vary_event_faults(&self) -> anyhow::Result<Vec<PublishedJob>> {
        for round in 0.. {
            self.sandbox.codebuild.controls.set_event_mode(event_faults::event_mode_at(self.seed, round));
            tokio::time::sleep(FAULT_INTERVAL).await;
        }
        Ok(Vec::new())
    }

    async fn restart_forge(&self, restarts: &mut u64) -> anyhow::Result<Vec<PublishedJob>> {
        loop {
            tokio::time::sleep(FORGE_RESTART_INTERVAL).await;
            self.sandbox.forge.restart(FORGE_DOWNTIME).await?;
            *restarts += 1;
        }
    }

    async fn disrupt_until_settled(
        &self,
        fleet: &mut WorkerFleet<'_>,
        counts: &mut StormCounts,
    ) -> anyhow::Result<Vec<PublishedJob>> {
        let environment = self.proxies.publisher_environment();
        let mut publishing = std::pin::pin!(publisher::publish(self.sandbox, self.jobs, &environment, Duration::ZERO));
        let mut published: Option<Vec<PublishedJob>> = None;
        let mut rng = SeededRng::for_purpose(self.seed, "disruptions", 0);
        let deadline = Instant::now() + self.arguments.limit;
        let mut disruption_timer = interval(self.arguments.kill_every);
        disruption_timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_poll = Instant::now();
        loop {
            tokio::select! {
                jobs = &mut publishing, if published.is_none() => published = Some(jobs?),
                _ = disruption_timer.tick() => {
                    fleet.supervise()?;
                    fleet.disrupt(&mut rng).await?;
                }
            }
            let Some(published) = published.as_ref().filter(|_| last_poll.elapsed() >= LEDGER_POLL_INTERVAL) else {
                continue;
            };
            let rows = self.sandbox.jobs().await?;
            let settled = invariants::settled_count(published, &rows);
            eprintln!("{} of {} jobs are settled", settled, self.jobs.len());
            if settled == self.jobs.len() || Instant::now() > deadline {
                return Ok(published.clone());
            }
            if let Some(by) = clock_jump::time_to_next_due(&rows, Timestamp::now()) {
                eprintln!("most jobs only wait: clocks jump {} s forward", by.as_secs());
                clock_jump::jump_forward(by, self.sandbox, self.proxies, fleet).await?;
                counts.time_jumps += 1;
            }
            counts.redriven += self.sandbox.account.redrive().await?;
            last_poll = Instant::now();
        }
    }
}
