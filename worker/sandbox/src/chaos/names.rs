//! Scenario `names`: requests for unknown names, beside registered ones, while SSM throttles.
//!
//! It runs at the fast endpoint: the emulator is one thread, in which the calls of ten workers would wait for each other.
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::time::Instant;

use super::ChaosArguments;
use super::result::{ScenarioResult, round_to_tenth};
use crate::fast_endpoint::{CallCounts, EndpointSettings, FastEndpoint};
use crate::programs::Programs;
use crate::worker_process::WorkerProcess;

/// Unknown names without `--jobs`, and the rate at which they are sent.
const DEFAULT_NAMES: u64 = 6000;
const NAMES_PER_SECOND: usize = 300;

/// Registered projects.
const PROJECTS: usize = 1000;

/// Calls a second that SSM serves to the whole account.
const SSM_CALLS_PER_SECOND: usize = 40;

/// About that of AWS within a region.
const AWS_LATENCY: Duration = Duration::from_millis(10);

/// How long a build runs: its events reach the workers during the flood.
const BUILD_DURATION: Duration = Duration::from_secs(1);

/// Bounds: seconds from a registered project's receive by a worker to its build, and SSM calls a second and worker.
///
/// The flood's calls are passes and single reads. A registered project's own read is not the flood's, and has a bound of
/// its own of the same size.
const MAX_SECONDS: f64 = 1.0;
const MAX_SSM_CALLS: f64 = 2.0;
const FLOOD_CALLS: [&str; 2] = ["GetParametersByPath", "GetParameter"];
const REGISTERED_CALLS: [&str; 1] = ["GetParameters"];

/// A pass over all names reads a page of ten a second.
const MAX_PASS: Duration = Duration::from_secs(180);

/// After the last receive: a job that is late starts in this time, and its delay is measured.
const LATE_STARTS: Duration = Duration::from_secs(2);

/// The workers, and when each was started.
struct Fleet<'a> {
    endpoint: &'a FastEndpoint,
    program: PathBuf,
    workers: Vec<(WorkerProcess, Instant)>,
}

pub(super) async fn run(programs: &Programs, arguments: &ChaosArguments) -> anyhow::Result<ScenarioResult> {
    let names = usize::try_from(arguments.jobs.unwrap_or(DEFAULT_NAMES))?;
    let endpoint = FastEndpoint::start(EndpointSettings {
        ssm_calls_per_second: Some(SSM_CALLS_PER_SECOND),
        aws_latency: AWS_LATENCY,
        build_duration: Some(BUILD_DURATION),
        sends_events: true,
        ..EndpointSettings::default()
    })
    .await?;
    (0..PROJECTS).for_each(|number| endpoint.register_project(&project_name(number)));
    let mut fleet = Fleet { endpoint: &endpoint, program: programs.worker(), workers: Vec::new() };
    fleet.launch()?;
    let has_names = endpoint.wait_until(MAX_PASS, |endpoint| endpoint.has_item("#registry")).await;
    ensure!(has_names, "no pass over the registry has ended after {MAX_PASS:?}");
    while fleet.workers.len() + 1 < usize::from(arguments.workers) {
        fleet.launch()?;
    }
    fleet.wait_until_up().await?;
    endpoint.reset_counts();
    let began = Instant::now();
    let registered = flood(&mut fleet, names, usize::from(arguments.workers)).await?;
    let flooded = began.elapsed();
    endpoint.wait_until(arguments.limit, |endpoint| endpoint.trigger_messages() == 0).await;
    tokio::time::sleep(LATE_STARTS).await;
    fleet.wait_until_up().await?;
    let took = began.elapsed();
    let mut result = judge(&fleet, names, registered, began)?;
    result.figures["names_per_second"] = json!(round_to_tenth(names as f64 / flooded.as_secs_f64()));
    result.figures["received_per_second"] = json!(round_to_tenth(names as f64 / took.as_secs_f64()));
    Ok(result)
}

/// Sends a second's unknown names at once, and a registered one in the midst of them. Returns how many registered ones.
async fn flood(fleet: &mut Fleet<'_>, names: usize, workers: usize) -> anyhow::Result<usize> {
    let registered = names.div_ceil(NAMES_PER_SECOND);
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    for second in 0..registered {
        interval.tick().await;
        if second >= registered / 2 && fleet.workers.len() < workers {
            // It starts in the middle of the flood.
            fleet.launch()?;
        }
        let first = second * NAMES_PER_SECOND;
        let count = NAMES_PER_SECOND.min(names - first);
        for name in first..first + count {
            if name == first + count / 2 {
                fleet.endpoint.enqueue_for(&project_name(second * 7 % PROJECTS), second);
            }
            fleet.endpoint.enqueue_for(&format!("unknown-{name}"), registered + name);
        }
    }
    Ok(registered)
}

fn judge(fleet: &Fleet<'_>, names: usize, registered: usize, began: Instant) -> anyhow::Result<ScenarioResult> {
    let endpoint = fleet.endpoint;
    let mut delays: Vec<f64> =
        endpoint.start_delays(registered).into_iter().flatten().map(|delay| delay.as_secs_f64()).collect();
    delays.sort_by(f64::total_cmp);
    let longest = delays.last().copied().context("no registered project was started")?;
    let (verdict, jobs, counts) = (endpoint.verdict(registered), endpoint.jobs(), endpoint.counts());
    let worker_seconds = fleet.seconds_since(began);
    let rate = |calls: &[&str]| count_calls(&counts, calls) as f64 / worker_seconds;
    let (of_flood, of_registered) = (rate(&FLOOD_CALLS), rate(&REGISTERED_CALLS));
    let mut result = ScenarioResult::default();
    result.require(delays.len() == registered, || {
        format!("{} of {registered} registered projects were started", delays.len())
    });
    result.require((verdict.duplicates, verdict.strays, verdict.dead_letters) == (0, 0, 0), || format!("{verdict:?}"));
    result.require(jobs == names + registered, || format!("{jobs} jobs of {} requests", names + registered));
    result.require(longest <= MAX_SECONDS, || format!("a registered project started {longest:.2} s after its receive"));
    // In a time there is one call more of each kind than there are intervals.
    let first_calls = (FLOOD_CALLS.len() * fleet.workers.len()) as f64 / worker_seconds;
    for (what, calls) in [("a flood's", of_flood), ("registered projects'", of_registered)] {
        result.require(calls <= MAX_SSM_CALLS + first_calls, || {
            format!("{calls:.2} of {what} SSM calls a second and worker")
        });
    }
    result.figures = json!({
        "scenario": "names",
        "workers": fleet.workers.len(),
        "unknown_names": names,
        "registered_jobs": registered,
        "longest_start_seconds": round_to_hundredth(longest),
        "median_start_seconds": round_to_hundredth(delays[delays.len() / 2]),
        "ssm_calls_of_the_flood_per_second_and_worker": round_to_hundredth(of_flood),
        "ssm_calls_of_registered_projects_per_second_and_worker": round_to_hundredth(of_registered),
        "ssm_calls_throttled": counts.throttled,
    });
    Ok(result)
}

impl Fleet<'_> {
    fn launch(&mut self) -> anyhow::Result<()> {
        let log = self.endpoint.dir().join(format!("worker-{}.log", self.workers.len() + 1));
        let mut environment = self.endpoint.worker_environment();
        environment.insert("DOORBELL_SWEEP_INTERVAL".to_owned(), "5s".to_owned());
        self.workers.push((WorkerProcess::launch(&self.program, &environment, log)?, Instant::now()));
        Ok(())
    }

    /// Waits until all workers are up. None may have ended.
    async fn wait_until_up(&mut self) -> anyhow::Result<()> {
        for (worker, _) in &mut self.workers {
            worker.wait_until_up().await?;
            ensure!(worker.exit_status()?.is_none(), "a worker has ended:\n{}", worker.log()?);
        }
        Ok(())
    }

    /// The time since `began`, summed over the workers: one that started later counts from its start.
    fn seconds_since(&self, began: Instant) -> f64 {
        self.workers.iter().map(|(_, started)| began.max(*started).elapsed().as_secs_f64()).sum()
    }
}

fn round_to_hundredth(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn project_name(number: usize) -> String {
    format!("registered-{number:04}")
}

fn count_calls(counts: &CallCounts, names: &[&str]) -> u64 {
    names.iter().map(|name| counts.of(name)).sum()
}
