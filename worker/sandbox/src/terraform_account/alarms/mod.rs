//! Makes the cause of each alarm happen with the real binaries, and evaluates every alarm of Terraform's plan on the
//! datapoints that result.
//!
//! A cause names the alarms that it sets off, and no other may go on. An alarm that reads a metric, a dimension or a
//! namespace that neither worker nor queue writes is found, and so is an alarm without a cause here.
mod causes;
mod graphs;
mod jobs;
mod logs;
mod queues;
mod requests;
mod volume;
mod workers;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use serde_json::json;

use super::scenarios::{JOB_TIMEOUT, POLL_INTERVAL, TerraformScenarios};
use super::terraform::TerraformState;
use crate::aws::AwsClient;
use crate::cloudwatch::{Alarm, Metric, ObservedMetrics, log_datapoints, queue_datapoints, read_log, stored_bytes};
use crate::codebuild::EventMode;
use crate::worker_process::WorkerProcess;
use causes::{CAUSES, Cause};

/// What a cause leaves behind.
struct Aftermath {
    /// The output of its worker, which has exited.
    log: String,
    /// How long the account stays as it is before the alarms are evaluated. The test does not wait: no worker runs.
    idle: Duration,
}

/// Checks each alarm and each graph; returns the number of alarms.
///
/// # Errors
/// An alarm has no cause, does not go on, or goes on for another cause; a graph has no data.
pub(super) async fn check(scenarios: &TerraformScenarios<'_>, plan: &TerraformState) -> anyhow::Result<usize> {
    let alarms = plan.resources_of_type("aws_cloudwatch_metric_alarm").map(Alarm::parse);
    let alarms: Vec<Alarm> = alarms.collect::<anyhow::Result<_>>()?;
    ensure_each_has_a_cause(&alarms)?;
    // A scenario before lost all events.
    scenarios.fixture.codebuild.controls.set_event_mode(EventMode::default());
    let mut written = BTreeSet::new();
    for (cause, expected) in CAUSES {
        let began = Instant::now();
        delete_dead_letters(scenarios).await?;
        let observed = observe(scenarios, cause).await.with_context(|| format!("the cause {cause:?}"))?;
        written.extend(observed.datapoints.iter().map(|point| point.metric.clone()));
        ensure_fired(&alarms, &observed, expected).with_context(|| format!("the cause {cause:?}"))?;
        println!("  {cause:?}: {} ({:.1} s)", expected.join(", "), began.elapsed().as_secs_f64());
    }
    graphs::ensure_data(plan, &written)?;
    Ok(alarms.len())
}

/// The name without the installation's, as in the runbook.
fn short_name(alarm: &Alarm) -> &str {
    alarm.name.strip_prefix("doorbell-").unwrap_or(&alarm.name)
}

fn ensure_each_has_a_cause(alarms: &[Alarm]) -> anyhow::Result<()> {
    let planned: BTreeSet<&str> = alarms.iter().map(short_name).collect();
    let caused: BTreeSet<&str> = CAUSES.iter().flat_map(|(_, alarms)| alarms.iter().copied()).collect();
    let without_cause: Vec<_> = planned.difference(&caused).collect();
    let without_alarm: Vec<_> = caused.difference(&planned).collect();
    ensure!(without_cause.is_empty(), "these alarms have no cause in causes.rs: {without_cause:?}");
    ensure!(without_alarm.is_empty(), "causes.rs names alarms that do not exist: {without_alarm:?}");
    Ok(())
}

async fn observe(scenarios: &TerraformScenarios<'_>, cause: Cause) -> anyhow::Result<ObservedMetrics> {
    let from = Timestamp::now();
    let logged_before = stored_bytes(&scenarios.fixture.root).await?;
    let aftermath = cause.make_happen(scenarios).await?;
    let mut datapoints = read_log(&aftermath.log)?;
    volume::ensure_each_request_is_logged(&aftermath.log, &datapoints)?;
    let logged = stored_bytes(&scenarios.fixture.root).await?;
    datapoints.extend(log_datapoints(&logged_before, &logged, Timestamp::now()));
    // The worker has its time from AWS's answers, which show whole seconds.
    let last = datapoints.iter().map(|point| point.at).fold(Timestamp::now(), Timestamp::max);
    let until = last + aftermath.idle;
    datapoints.extend(queue_datapoints(&scenarios.fixture.root, until).await?);
    Ok(ObservedMetrics { from, until, datapoints })
}

/// An alarm that a missing metric sets off would go on for a wrong name, too: so each must also have read data.
fn ensure_fired(alarms: &[Alarm], observed: &ObservedMetrics, expected: &[&str]) -> anyhow::Result<()> {
    let fired: Vec<&Alarm> = alarms.iter().filter(|alarm| alarm.fires(observed)).collect();
    let names: BTreeSet<&str> = fired.iter().map(|alarm| short_name(alarm)).collect();
    let expected: BTreeSet<&str> = expected.iter().copied().collect();
    let silent: Vec<&Alarm> = alarms.iter().filter(|alarm| expected.contains(short_name(alarm))).collect();
    ensure!(names == expected, "{names:?} went on, not {expected:?}; expected were {silent:#?}");
    for alarm in fired {
        let written: BTreeSet<&Metric> = observed.datapoints.iter().map(|point| &point.metric).collect();
        ensure!(observed.has(&alarm.metric), "{} read no data: {:?} is not in {written:#?}", alarm.name, alarm.metric);
    }
    Ok(())
}

/// Deletes what the cause before left, as an operator does.
async fn delete_dead_letters(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<()> {
    for queue in ["dead-letters", "events-dead-letters", "subscription-dead-letters"] {
        let body = json!({ "QueueUrl": scenarios.queue_url(queue) });
        scenarios.fixture.root.json("sqs", "AmazonSQS.PurgeQueue", body).await?;
    }
    Ok(())
}

/// Stops a worker, which writes its metrics then; returns its output.
async fn stop(worker: WorkerProcess) -> anyhow::Result<String> {
    let log = worker.log_path().to_owned();
    let (status, _) = worker.terminate(JOB_TIMEOUT).await?;
    ensure!(status.success(), "the worker ended with {status}");
    Ok(std::fs::read_to_string(log)?)
}

/// Waits until a worker has written `count` lines with this text.
async fn wait_for_lines(worker: &WorkerProcess, text: &str, count: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + JOB_TIMEOUT;
    loop {
        let log = worker.log()?;
        let found = log.lines().filter(|line| line.contains(text)).count();
        if found >= count {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the worker wrote \"{text}\" {found} times, not {count}:\n{log}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// A client of the sandbox's CodeBuild with the root's key.
fn codebuild(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<AwsClient> {
    scenarios.fixture.root.with_endpoint(scenarios.fixture.codebuild.url())
}
