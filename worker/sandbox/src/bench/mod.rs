//! `bin/bench`: what the release binaries weigh, and how a worker drains a backlog.
mod timing;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::footprint::Footprint;
use crate::forge::EXECUTABLE;
use crate::programs::Programs;
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::world::account::DEAD_LETTERS;

/// What the benchmark is told.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// The Python environment with the AWS emulator, as `bin/lib/python.sh` prints it
    #[arg(long, env = "DOORBELL_EMULATOR_PYTHON", value_name = "PATH")]
    python: PathBuf,
    /// Jobs of the backlog
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    jobs: usize,
    /// text or json
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Builds that cost next to nothing: the worker is measured, not the builds.
const QUICK: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - 'true'\n";

/// Seconds without work before a worker's memory is called idle.
const IDLE: Duration = Duration::from_secs(5);

/// Sends of the backlog under way at once.
const SENDERS: usize = 16;

/// Measures, and prints what it found.
///
/// # Errors
/// A program is missing, or the backlog did not drain.
pub async fn run(arguments: BenchArguments) -> anyhow::Result<()> {
    let programs = Programs::find()?;
    let mut found = json!({
        "triggerJob": timing::of_version(&programs.trigger_job()).await?,
        "worker": timing::of_version(&programs.worker()).await?,
    });
    let mut options = SandboxOptions::new(programs, arguments.python);
    options.buildspec = QUICK.to_owned();
    let sandbox = Sandbox::start(options).await?;
    found["idle"] = idle(&sandbox).await?;
    found["drain"] = drain(&sandbox, arguments.jobs).await?;
    match arguments.output {
        Output::Json => println!("{found}"),
        Output::Text => print_lines(&found, ""),
    }
    Ok(())
}

fn print_lines(value: &Value, path: &str) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let path = format!("{path}{name}");
        match value {
            Value::Object(_) => print_lines(value, &format!("{path}.")),
            value => println!("{path:<28} {value}"),
        }
    }
}

async fn idle(sandbox: &Sandbox) -> anyhow::Result<Value> {
    let started = Instant::now();
    let worker = sandbox.worker(&[("DOORBELL_SWEEP_INTERVAL", "5s")]).await?;
    let up = started.elapsed();
    tokio::time::sleep(IDLE).await;
    let footprint = Footprint::of(worker.pid().context("the worker has ended")?)?;
    worker.terminate(Duration::from_secs(10)).await?;
    Ok(json!({ "millisecondsToUp": up.as_millis() as u64, "residentMegabytes": footprint.resident_megabytes() }))
}

async fn drain(sandbox: &Sandbox, jobs: usize) -> anyhow::Result<Value> {
    let repository = sandbox.forge.create_repository("demo").await?;
    let commit = repository.commit("main", &[("ci.sh", EXECUTABLE, "")], "nothing").await?;
    sandbox.register("demo", &sandbox.document(&repository, &json!("./ci.sh"))).await?;
    fill(sandbox, jobs, commit.as_str()).await?;
    let started = Instant::now();
    let worker = sandbox.worker(&[("DOORBELL_SWEEP_INTERVAL", "1s")]).await?;
    let pid = worker.pid().context("the worker has ended")?;
    let limit = Duration::from_secs(600);
    loop {
        let settled = sandbox.jobs().await?.iter().filter(|job| job.is_settled() && job.status() == "success").count();
        if settled == jobs {
            break;
        }
        anyhow::ensure!(started.elapsed() < limit, "{settled} of {jobs} jobs are settled after {limit:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let took = started.elapsed();
    let footprint = Footprint::of(pid)?;
    let dead = sandbox.world.peek(&sandbox.world.queue_url(DEAD_LETTERS)).await?.len();
    let starts = sandbox.codebuild.controls.calls().get("StartBuild").copied().unwrap_or_default();
    let posts = sandbox.forge.flag_posts().len();
    worker.terminate(Duration::from_secs(10)).await?;
    Ok(json!({
        "jobs": jobs,
        "seconds": took.as_secs_f64(),
        "builds": sandbox.codebuild.controls.builds().len(),
        "startBuildCallsPerJob": starts as f64 / jobs as f64,
        "flagPostsPerJob": posts as f64 / jobs as f64,
        "deadLetters": dead,
        "peakMegabytes": footprint.peak_megabytes(),
        "cpuMillisecondsPerJob": footprint.cpu_milliseconds() / jobs as f64,
    }))
}

/// Straight into the queue, as SNS would: a CI's process for each would be measured, too.
pub(crate) async fn fill(sandbox: &Sandbox, jobs: usize, commit: &str) -> anyhow::Result<()> {
    let url = sandbox.world.trigger_queue_url();
    let sends = (0..jobs).map(|number| {
        let request = json!({ "project": "demo", "branch": "main", "commit": commit });
        let envelope = json!({
            "Type": "Notification",
            "MessageId": format!("backlog-{number}"),
            "TopicArn": sandbox.world.topic_arn(),
            "Message": request.to_string(),
            "Timestamp": crate::now_in_iso_8601(),
        });
        let url = &url;
        async move { sandbox.world.send_to_queue(url, &envelope.to_string()).await }
    });
    stream::iter(sends).buffer_unordered(SENDERS).try_collect::<()>().await?;
    Ok(())
}
