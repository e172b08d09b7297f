//! Scenario `done`: workers are killed between the claim of a done event and its publishing, or right after it.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::ChaosArguments;
use super::result::{ScenarioResult, round_to_tenth};
use crate::account::DoneSubscriber;
use crate::git_host::EXECUTABLE_FILE;
use crate::job::Job;
use crate::proxy::Proxy;
use crate::sandbox::{Sandbox, SandboxOptions};

/// Kills without `--jobs`: one for each job. Of five, one comes after SNS took the event.
const DEFAULT_KILLS: u64 = 125;
/// Jobs without a kill, to compare with.
const UNDISTURBED_JOBS: u64 = 10;
/// How much later than the latest flag of an undisturbed job a flag may come.
const MAX_FLAG_DELAY: Duration = Duration::from_secs(1);
const JOB_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(30);
const BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - true\n";

/// What the kills led to.
#[derive(Default)]
struct Kills {
    before: usize,
    after: usize,
    /// Seconds from a job's end to its flag, while its event was held.
    flag_delays: Vec<f64>,
    keys: BTreeSet<String>,
}

pub(super) async fn run(mut options: SandboxOptions, arguments: &ChaosArguments) -> anyhow::Result<ScenarioResult> {
    options.buildspec = BUILDSPEC.to_owned();
    options.done_topic = true;
    let sandbox = Sandbox::start(options).await?;
    let repository = sandbox.forge.create_repository("done").await?;
    repository.commit("main", &[("ci.sh", EXECUTABLE_FILE, "")], "nothing").await?;
    sandbox.register_project("done", &sandbox.registry_document(&repository, &json!("./ci.sh"))).await?;
    let by_project = json!({ "project": ["done"] });
    let by_status = json!({ "type": [{ "prefix": "dev.cdevents.pipelinerun." }], "status": ["success"] });
    let mut subscribers = Vec::new();
    for (name, filter) in [("by-project", by_project), ("by-status", by_status)] {
        subscribers.push(sandbox.account.subscribe_to_done_events(name, &filter).await?);
    }
    let proxy = Proxy::start(sandbox.account.emulator().endpoint(), sandbox.account.ca(), 1).await?;
    let mut kills = Kills::default();
    let undisturbed = run_undisturbed(&sandbox, &proxy, &mut kills.keys).await?;
    let deadline = Instant::now() + arguments.limit;
    for number in 0..arguments.jobs.unwrap_or(DEFAULT_KILLS) {
        ensure!(Instant::now() < deadline, "the limit of the run is over after {number} kills");
        kill_one(&sandbox, &proxy, number, &mut kills).await?;
    }
    let worker = sandbox.start_worker(&[("AWS_ENDPOINT_URL_SNS", proxy.url())]).await?;
    for key in &kills.keys {
        sandbox.wait_until_settled(key, JOB_TIMEOUT).await?;
    }
    worker.terminate(JOB_TIMEOUT).await?;
    judge(&sandbox, &subscribers, &kills, undisturbed).await
}

/// Runs some jobs one after the other; returns the longest time from an end to its flag, in seconds.
async fn run_undisturbed(sandbox: &Sandbox, proxy: &Proxy, keys: &mut BTreeSet<String>) -> anyhow::Result<f64> {
    let worker = sandbox.start_worker(&[("AWS_ENDPOINT_URL_SNS", proxy.url())]).await?;
    let mut longest: f64 = 0.0;
    for number in 0..UNDISTURBED_JOBS {
        let key = trigger(sandbox, &format!("calm-{number}")).await?;
        longest = longest.max(flag_delay(&sandbox.wait_for_job(&key, JOB_TIMEOUT, is_reported).await?)?);
        sandbox.wait_until_settled(&key, JOB_TIMEOUT).await?;
        keys.insert(key);
    }
    worker.terminate(JOB_TIMEOUT).await?;
    Ok(longest)
}

/// Starts a worker, catches its Publish call for one job and kills it. The worker repeats the event of the kill before.
async fn kill_one(sandbox: &Sandbox, proxy: &Proxy, number: u64, kills: &mut Kills) -> anyhow::Result<()> {
    let id = format!("kill-{number}");
    // The call's body is a form: the key's `#` is encoded in it.
    let text = format!("{id}%23");
    let is_after = number % 5 == 4;
    if is_after {
        proxy.hold_response("sns.Publish", &text, 0);
        kills.after += 1;
    } else {
        proxy.hold_request("sns.Publish", &text, 0);
        kills.before += 1;
    }
    let worker = sandbox.start_worker(&[("AWS_ENDPOINT_URL_SNS", proxy.url())]).await?;
    let key = trigger(sandbox, &id).await?;
    timeout(JOB_TIMEOUT, proxy.wait_until_held()).await.with_context(|| format!("{key} was not announced"))?;
    // Its event is held, and its flag comes all the same.
    let job = sandbox.wait_for_job(&key, JOB_TIMEOUT, is_reported).await?;
    kills.flag_delays.push(flag_delay(&job)?);
    kills.keys.insert(key);
    worker.kill().await?;
    let expired = sandbox.expire_done_event_claims().await?;
    ensure!(expired >= 1, "the killed worker had no claim");
    Ok(())
}

async fn trigger(sandbox: &Sandbox, id: &str) -> anyhow::Result<String> {
    sandbox.trigger(&["done", "main", "--id", id]).await?.job_key()
}

fn is_reported(job: &Job) -> bool {
    job.json()["reports"][0]["delivered"]["status"] == "success"
}

fn flag_delay(job: &Job) -> anyhow::Result<f64> {
    let row = job.json();
    let reported = row["reports"][0]["delivered"]["at"].as_f64().context("the row has no time of its report")?;
    let ended = row["phase"]["result"]["at"].as_f64().context("the row has no time of its end")?;
    Ok((reported - ended) / 1000.0)
}

async fn judge(
    sandbox: &Sandbox,
    subscribers: &[DoneSubscriber],
    kills: &Kills,
    undisturbed: f64,
) -> anyhow::Result<ScenarioResult> {
    let mut result = ScenarioResult::default();
    let mut repeats = 0;
    for (number, subscriber) in subscribers.iter().enumerate() {
        let mut bodies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut received = 0;
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline && (bodies.len() < kills.keys.len() || received < kills.keys.len()) {
            for message in sandbox.account.take_done_events(subscriber).await? {
                let event: Value = serde_json::from_str(&message.body)?;
                let key = event["subject"]["id"].as_str().unwrap_or_default().to_owned();
                bodies.entry(key).or_default().insert(message.body);
                received += 1;
            }
            sleep(POLL_INTERVAL).await;
        }
        let missing = kills.keys.iter().filter(|key| !bodies.contains_key(*key)).count();
        let strange = bodies.keys().filter(|key| !kills.keys.contains(*key)).count();
        let different = bodies.values().filter(|bodies| bodies.len() > 1).count();
        result.require(missing == 0, || format!("subscriber {number} lacks {missing} events"));
        result.require(strange == 0, || format!("subscriber {number} has {strange} events of no job"));
        result.require(different == 0, || format!("the repeats of {different} events differ"));
        repeats += received - bodies.len();
    }
    let latest = kills.flag_delays.iter().copied().fold(0.0, f64::max);
    result.require(latest <= undisturbed + MAX_FLAG_DELAY.as_secs_f64(), || {
        format!("a flag came {latest:.2} s after the end, {undisturbed:.2} s without kills")
    });
    // Only a kill after SNS took the event makes a repeat, one at each subscriber.
    result.require(repeats == kills.after * subscribers.len(), || format!("{repeats} repeats"));
    result.figures = json!({
        "scenario": "done",
        "kills_before_publish": kills.before,
        "kills_after_publish": kills.after,
        "jobs": kills.keys.len(),
        "subscribers": subscribers.len(),
        "repeats": repeats,
        "latest_flag_seconds": round_to_tenth(latest),
        "latest_flag_seconds_without_kills": round_to_tenth(undisturbed),
    });
    Ok(result)
}
