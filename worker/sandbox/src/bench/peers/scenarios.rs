//! The scenarios: each starts a candidate at an endpoint of its own and returns the figures of one run.
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::arguments::{CandidateName, ScenarioName};
use super::candidate::{Candidate, PeerMode};
use super::measurement::{Measurement, percentile};
use super::run::{CandidateRun, QUIET};
use crate::fast_endpoint::{EndpointFault, EndpointSettings, FaultRule};

/// The end of a run that does not come to its own.
const RUN_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a candidate may take at a quota: the ideal is 5 s.
const QUOTA_TIMEOUT: Duration = Duration::from_secs(30);

/// Longer than the minute after which a row is due again whose last write may or may not have been done.
const FAULTS_TIMEOUT: Duration = Duration::from_secs(150);

const IDLE_PERIOD: Duration = Duration::from_secs(10);

/// SQS's default.
const DEFAULT_VISIBILITY: Duration = Duration::from_secs(30);

/// The forge of the scenarios that report.
const FORGE_LATENCY: (Duration, Duration) = (Duration::from_millis(80), Duration::from_millis(160));

/// Runs a scenario once.
///
/// # Errors
/// The candidate does not start, or it ends by itself.
pub(super) async fn run(name: ScenarioName, candidate: &Candidate, jobs: usize) -> anyhow::Result<Measurement> {
    match name {
        ScenarioName::Idle => idle(candidate).await,
        ScenarioName::Burst | ScenarioName::Growth => burst(candidate, jobs).await,
        ScenarioName::Rate100 => rate(candidate, jobs, 100).await,
        ScenarioName::Rate1000 => rate(candidate, jobs, 1000).await,
        ScenarioName::Backlog => backlog(candidate, jobs).await,
        ScenarioName::QuotaEvents => quota(candidate, jobs, true).await,
        ScenarioName::QuotaSilent => quota(candidate, jobs, false).await,
        ScenarioName::Faults => faults(candidate, jobs).await,
        ScenarioName::Fleet5s => fleet(candidate, jobs, Duration::from_secs(5)).await,
        ScenarioName::Fleet90s => fleet(candidate, jobs, Duration::from_secs(90)).await,
    }
}

async fn idle(candidate: &Candidate) -> anyhow::Result<Measurement> {
    let mut run = CandidateRun::start(candidate, EndpointSettings::default(), PeerMode::Triggers, 0).await?;
    let to_receive = run.start_process(candidate, PeerMode::Triggers).await?;
    run.begin_interval().await?;
    tokio::time::sleep(IDLE_PERIOD).await;
    let shared = run.end_interval(0)?;
    let mut figures = Measurement::default();
    figures.set("spawnToReceiveMilliseconds", to_receive.as_secs_f64() * 1000.0);
    for name in ["residentMegabytes", "peakMegabytes"] {
        figures.set(name, shared.get(name).unwrap_or_default());
    }
    let cpu = shared.get("cpuMillisecondsPerJob").unwrap_or_default();
    figures.set("cpuMillisecondsPerSecond", cpu / IDLE_PERIOD.as_secs_f64());
    Ok(figures)
}

async fn burst(candidate: &Candidate, jobs: usize) -> anyhow::Result<Measurement> {
    let mut run = CandidateRun::start(candidate, EndpointSettings::default(), PeerMode::Triggers, 1).await?;
    run.endpoint.enqueue(0..jobs);
    let is_taken =
        run.endpoint.wait_until(RUN_TIMEOUT, |endpoint| endpoint.started() >= jobs && endpoint.trigger_messages() == 0);
    is_taken.await;
    run.endpoint.wait_until_quiet(QUIET, RUN_TIMEOUT).await?;
    let mut figures = run.end_interval(jobs)?;
    figures.set("secondsToLastStart", run.seconds_to_last_start(jobs));
    Ok(figures)
}

async fn rate(candidate: &Candidate, jobs: usize, per_second: u32) -> anyhow::Result<Measurement> {
    let mut run = CandidateRun::start(candidate, EndpointSettings::default(), PeerMode::Triggers, 1).await?;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    // A tick that is late does not lower the rate.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut published = Vec::with_capacity(jobs);
    for number in 0..jobs {
        ticks.tick().await;
        published.push(Instant::now());
        run.endpoint.enqueue(number..number + 1);
    }
    run.endpoint.wait_until(QUOTA_TIMEOUT, |endpoint| endpoint.started() >= jobs).await;
    run.endpoint.wait_until_quiet(QUIET, RUN_TIMEOUT).await?;
    let mut figures = run.end_interval(jobs)?;
    let starts = run.endpoint.starts(jobs).into_iter().zip(published);
    let mut waits: Vec<f64> = starts
        .filter_map(|(start, published)| Some((start?.saturating_duration_since(published)).as_secs_f64() * 1000.0))
        .collect();
    waits.sort_by(f64::total_cmp);
    figures.set("publishToStartP50Milliseconds", percentile(&waits, 0.5));
    figures.set("publishToStartP99Milliseconds", percentile(&waits, 0.99));
    let counts = run.endpoint.counts();
    let sqs = counts.calls.iter().filter(|(operation, _)| operation.contains("Message"));
    figures.set("sqsCallsPerJob", sqs.map(|(_, count)| count).sum::<u64>() as f64 / jobs.max(1) as f64);
    Ok(figures)
}

/// Builds are started without events, the candidate is killed, and a new one meets the events of all ended builds.
async fn backlog(candidate: &Candidate, jobs: usize) -> anyhow::Result<Measurement> {
    let settings = EndpointSettings { reports: true, ..EndpointSettings::default() };
    let mut run = CandidateRun::start(candidate, settings, PeerMode::Triggers, 1).await?;
    run.endpoint.enqueue(0..jobs);
    run.endpoint.wait_until(RUN_TIMEOUT, |endpoint| endpoint.started() >= jobs).await;
    run.endpoint.wait_until_quiet(Duration::from_secs(2), RUN_TIMEOUT).await?;
    run.kill_processes();
    run.endpoint.change_settings(|settings| {
        settings.sends_events = true;
        settings.forge_latency = FORGE_LATENCY;
    });
    run.start_process(candidate, PeerMode::Events).await?;
    run.begin_interval().await?;
    run.endpoint.finish_builds();
    let is_right = run.endpoint.wait_until(QUOTA_TIMEOUT * 2, |endpoint| endpoint.green_flags() >= jobs).await;
    let seconds = run.began().elapsed().as_secs_f64();
    run.endpoint.wait_until_quiet(Duration::from_secs(1), RUN_TIMEOUT).await?;
    let mut figures = run.end_interval(jobs)?;
    let verdict = run.endpoint.verdict(jobs);
    figures.set("secondsToLastFlag", if is_right { seconds } else { f64::NAN });
    figures.set("wrongFlags", (jobs - verdict.successes) as f64 + verdict.backward_flags as f64);
    Ok(figures)
}

async fn quota(candidate: &Candidate, jobs: usize, sends_events: bool) -> anyhow::Result<Measurement> {
    let settings = EndpointSettings {
        visibility_timeout: DEFAULT_VISIBILITY,
        concurrent_builds: Some(20),
        build_duration: Some(Duration::from_millis(500)),
        sends_events,
        ..EndpointSettings::default()
    };
    let mut run = CandidateRun::start(candidate, settings, PeerMode::Triggers, 1).await?;
    run.endpoint.enqueue(0..jobs);
    run.endpoint.wait_until(QUOTA_TIMEOUT, |endpoint| endpoint.started() >= jobs).await;
    let mut figures = run.end_interval(jobs)?;
    figures.set("secondsToLastStart", run.seconds_to_last_start(jobs));
    Ok(figures)
}

/// Redelivered messages meet an expired token. No reply of StartBuild is lost: a worker relies on AWS's five minutes of
/// a token there, and no run waits as long; `bin/chaos` has those faults.
async fn faults(candidate: &Candidate, jobs: usize) -> anyhow::Result<Measurement> {
    let fault = |operation, percent, fault| FaultRule { operation, percent, fault };
    let settings = EndpointSettings {
        visibility_timeout: Duration::from_secs(2),
        token_lifetime: Duration::from_secs(1),
        faults: vec![
            fault("DeleteMessage", 50, EndpointFault::Refused),
            fault("ReceiveMessage", 5, EndpointFault::ReplyLost),
            fault("StartBuild", 3, EndpointFault::Throttled),
            fault("PutItem", 5, EndpointFault::ReplyLost),
            fault("UpdateItem", 5, EndpointFault::ReplyLost),
            fault("GetItem", 5, EndpointFault::Refused),
        ],
        ..EndpointSettings::default()
    };
    let mut run = CandidateRun::start(candidate, settings, PeerMode::Triggers, 1).await?;
    run.endpoint.enqueue(0..jobs);
    let is_taken = run
        .endpoint
        .wait_until(FAULTS_TIMEOUT, |endpoint| endpoint.started() >= jobs && endpoint.trigger_messages() == 0);
    is_taken.await;
    let mut figures = run.end_interval(jobs)?;
    figures.set("secondsToLastStart", run.seconds_to_last_start(jobs));
    Ok(figures)
}

/// Four workers follow each job from its request to its final flag.
async fn fleet(candidate: &Candidate, jobs: usize, build: Duration) -> anyhow::Result<Measurement> {
    let settings = EndpointSettings {
        build_duration: Some(build),
        sends_events: true,
        reports: true,
        forge_latency: FORGE_LATENCY,
        ..EndpointSettings::default()
    };
    let mut run = CandidateRun::start(candidate, settings, PeerMode::Triggers, 4).await?;
    run.endpoint.enqueue(0..jobs);
    run.endpoint.wait_until(RUN_TIMEOUT, |endpoint| endpoint.settled_jobs() >= jobs).await;
    let seconds = run.began().elapsed().as_secs_f64();
    let mut figures = run.end_interval(jobs)?;
    let verdict = run.endpoint.verdict(jobs);
    figures.set("secondsToLastFlag", seconds);
    figures.set("wrongFlags", (jobs - verdict.successes) as f64 + verdict.backward_flags as f64);
    figures.set("flagPostsPerJob", verdict.flag_posts as f64 / jobs.max(1) as f64);
    Ok(figures)
}

/// The candidates of a scenario, in the order of a round.
pub(super) fn candidates_of(name: ScenarioName, wanted: &[Candidate]) -> Vec<&Candidate> {
    wanted.iter().filter(|candidate| name.has_peers() || candidate.name == CandidateName::Worker).collect()
}
