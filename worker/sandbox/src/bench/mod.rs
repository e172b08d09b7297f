//! `bin/bench`: the release binaries' sizes and start times, and how fast a worker drains a backlog.
mod peers;
mod timing;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::time::Instant;

pub use peers::{PeersArguments, run as run_peers};

use crate::account::definition::DEAD_LETTER_QUEUE;
use crate::git_host::EXECUTABLE_FILE;
use crate::output_format::OutputFormat;
use crate::process_stats::ProcessStats;
use crate::programs::Programs;
use crate::sandbox::{Sandbox, SandboxOptions};

/// The arguments of `bin/bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// The Python environment with the AWS emulator; `bin/lib/python.sh` prints its path
    #[arg(long, env = "DOORBELL_EMULATOR_PYTHON", value_name = "PATH")]
    python: PathBuf,
    /// Number of jobs in the backlog
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    jobs: usize,
    /// Output format: text or json
    #[arg(long, value_enum, default_value = "text")]
    output: OutputFormat,
}

/// Builds that cost almost nothing: the worker is measured, not the builds.
const NOOP_BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - 'true'\n";

/// How long a worker has no work before its memory is measured as idle.
const IDLE_PERIOD: Duration = Duration::from_secs(5);

/// Concurrent sends of the backlog.
const MAX_CONCURRENT_SENDS: usize = 16;

/// Measures and prints the figures.
///
/// # Errors
/// A program is missing, or the backlog did not drain.
pub async fn run(arguments: BenchArguments) -> anyhow::Result<()> {
    let programs = Programs::find()?;
    let mut figures = json!({
        "triggerJob": timing::measure_version_call(&programs.trigger_job()).await?,
        "worker": timing::measure_version_call(&programs.worker()).await?,
    });
    let mut options = SandboxOptions::new(programs, arguments.python);
    options.buildspec = NOOP_BUILDSPEC.to_owned();
    let sandbox = Sandbox::start(options).await?;
    figures["idle"] = measure_idle(&sandbox).await?;
    figures["drain"] = measure_drain(&sandbox, arguments.jobs).await?;
    match arguments.output {
        OutputFormat::Json => println!("{figures}"),
        OutputFormat::Text => print_figures(&figures, ""),
    }
    Ok(())
}

fn print_figures(value: &Value, path: &str) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let path = format!("{path}{name}");
        match value {
            Value::Object(_) => print_figures(value, &format!("{path}.")),
            value => println!("{path:<28} {value}"),
        }
    }
}

async fn measure_idle(sandbox: &Sandbox) -> anyhow::Result<Value> {
    let started = Instant::now();
    let worker = sandbox.start_worker(&[("DOORBELL_SWEEP_INTERVAL", "5s")]).await?;
    let up = started.elapsed();
    tokio::time::sleep(IDLE_PERIOD).await;
    let stats = ProcessStats::read(worker.pid().context("the worker has ended")?)?;
    worker.terminate(Duration::from_secs(10)).await?;
    Ok(json!({ "millisecondsToUp": up.as_millis() as u64, "residentMegabytes": stats.resident_megabytes() }))
}

async fn measure_drain(sandbox: &Sandbox, jobs: usize) -> anyhow::Result<Value> {
    let repository = sandbox.forge.create_repository("demo").await?;
    let commit = repository.commit("main", &[("ci.sh", EXECUTABLE_FILE, "")], "nothing").await?;
    sandbox.register_project("demo", &sandbox.registry_document(&repository, &json!("./ci.sh"))).await?;
    enqueue_requests(sandbox, jobs, commit.as_str()).await?;
    let started = Instant::now();
    let worker = sandbox.start_worker(&[("DOORBELL_SWEEP_INTERVAL", "1s")]).await?;
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
    let stats = ProcessStats::read(pid)?;
    let dead_letters = sandbox.account.peek(&sandbox.account.queue_url(DEAD_LETTER_QUEUE)).await?.len();
    let starts = sandbox.codebuild.controls.call_counts().get("StartBuild").copied().unwrap_or_default();
    let flag_posts = sandbox.forge.flag_posts().len();
    worker.terminate(Duration::from_secs(10)).await?;
    Ok(json!({
        "jobs": jobs,
        "seconds": took.as_secs_f64(),
        "builds": sandbox.codebuild.controls.builds().len(),
        "startBuildCallsPerJob": starts as f64 / jobs as f64,
        "flagPostsPerJob": flag_posts as f64 / jobs as f64,
        "deadLetters": dead_letters,
        "peakMegabytes": stats.peak_megabytes(),
        "cpuMillisecondsPerJob": stats.cpu_milliseconds() / jobs as f64,
    }))
}

/// Enqueues requests directly, as SNS would: starting `trigger_job` for each would be measured, too.
pub(crate) async fn enqueue_requests(sandbox: &Sandbox, jobs: usize, commit: &str) -> anyhow::Result<()> {
    let url = sandbox.account.trigger_queue_url();
    let sends = (0..jobs).map(|number| {
        let request = json!({ "project": "demo", "branch": "main", "commit": commit });
        let envelope = json!({
            "Type": "Notification",
            "MessageId": format!("backlog-{number}"),
            "TopicArn": sandbox.account.topic_arn(),
            "Message": request.to_string(),
            "Timestamp": crate::now_in_iso_8601(),
        });
        let url = &url;
        async move { sandbox.account.send_to_queue(url, &envelope.to_string()).await }
    });
    stream::iter(sends).buffer_unordered(MAX_CONCURRENT_SENDS).try_collect::<()>().await?;
    Ok(())
}
