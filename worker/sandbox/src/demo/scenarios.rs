//! The demo's cases, in order.
use std::time::SystemTime;

use anyhow::Context;
use serde_json::{Value, json};

use super::case::{CASE_TIMEOUT, DemoCase};
use super::printer::DemoPrinter;
use super::result::{CaseResult, DemoResult, FlagResult};
use super::{denied, done_events};
use crate::account::definition::REGION;
use crate::forge::PagureFlag;
use crate::git_host::EXECUTABLE_FILE;
use crate::job::Job;
use crate::sandbox::Sandbox;
use crate::worker_process::WorkerProcess;

const PASSING: &str = "#!/bin/sh\necho \"deploying $1 at $DOORBELL_COMMIT\"\n";
const FAILING: &str = "#!/bin/sh\necho 'this test fails on purpose' >&2\nexit 3\n";

pub(super) async fn run_all(
    sandbox: &Sandbox,
    worker: &WorkerProcess,
    printer: &DemoPrinter,
) -> anyhow::Result<DemoResult> {
    let repository = sandbox.forge.create_repository("demo").await?;
    let passing = repository.commit("main", &[("ci.sh", EXECUTABLE_FILE, PASSING)], "A script that passes").await?;
    let failing = repository.commit("broken", &[("ci.sh", EXECUTABLE_FILE, FAILING)], "A script that fails").await?;
    let not_allowed =
        repository.commit("wild", &[("ci.sh", EXECUTABLE_FILE, PASSING)], "A branch that is not allowed").await?;
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["refs"] = json!(["heads/main", "heads/broken"]);
    sandbox.register_project("demo", &document).await?;
    printer.note(&format!(
        "registry: {} builds {} from main and broken",
        sandbox.account.parameter_name("demo"),
        repository.url()
    ));

    let cases = [
        DemoCase::new("a build that succeeds", &["demo", "main"], "success", 1).with_commit(&passing),
        DemoCase::new("a build that fails", &["demo", "broken"], "failure", 1).with_commit(&failing),
        DemoCase::new("a repeated request: one build", &["demo", "main", "--id", "ci-4711"], "success", 1)
            .with_commit(&passing)
            .publish_times(2),
        DemoCase::new("a ref that is not allowed", &["demo", "wild", "--commit", not_allowed.as_str()], "rejected", 0)
            .with_commit(&not_allowed),
        DemoCase::new("a project that is not registered", &["nowhere", "main"], "rejected", 0),
    ];
    let subscriber = done_events::subscribe_to_failures(sandbox, "demo").await?;
    let mut jobs = Vec::new();
    for case in cases {
        jobs.push(run_one(sandbox, worker, printer, case).await?);
    }
    printer.case("a queue that subscribed to the failures of demo");
    let done_events = done_events::take_received(sandbox, &subscriber).await?;
    printer.done_events(&done_events);
    printer.case("the publisher's key tries everything else");
    let (denied, allowed) = denied::probe_denied_actions(sandbox, "demo").await?;
    printer.denials(&denied, &allowed);
    Ok(DemoResult { jobs, done_events, denied, allowed })
}

async fn run_one(
    sandbox: &Sandbox,
    worker: &WorkerProcess,
    printer: &DemoPrinter,
    case: DemoCase,
) -> anyhow::Result<CaseResult> {
    printer.case(case.title);
    let arguments: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
    let flags_before = sandbox.forge.flag_posts().len();
    let published = now();
    let mut key = String::new();
    for _ in 0..case.publish_count {
        printer.command(&arguments);
        key = sandbox.trigger(&arguments).await?.job_key()?;
        printer.published(&key);
    }
    let mut printed_lines = Vec::new();
    let deadline = tokio::time::Instant::now() + CASE_TIMEOUT;
    let job = loop {
        let job = sandbox.job(&key).await?;
        if let Some(job) = &job {
            for line in job.trail().into_iter().skip(printed_lines.len()).map(str::to_owned).collect::<Vec<_>>() {
                printer.step(&line, now() - published);
                printed_lines.push(line);
            }
        }
        match job.filter(Job::is_settled) {
            Some(job) => break job,
            None if tokio::time::Instant::now() > deadline => {
                anyhow::bail!("the job {key} did not settle within {CASE_TIMEOUT:?}")
            }
            None => tokio::time::sleep(std::time::Duration::from_millis(30)).await,
        }
    };
    let builds = sandbox.builds_of(&key);
    let post = sandbox.forge.flag_posts().into_iter().skip(flags_before).rfind(|post| is_about(&case, &post.flag));
    let started = match builds.first() {
        Some(build) => started_at(sandbox, &build.id).await?,
        None => None,
    };
    printer.flag(post.as_ref().map(|post| &post.flag));
    printer.log_lines(&rejections(&worker.log()?, &key));
    Ok(CaseResult {
        is_as_expected: job.status() == case.expected_status
            && builds.len() == case.expected_builds
            && post.is_some() == case.commit.is_some(),
        title: case.title,
        project: job.project().to_owned(),
        git_ref: git_ref(&job),
        outcome: job.status().to_owned(),
        builds: builds.len(),
        seconds_to_build: started.map(|at| at - published),
        seconds_to_flag: post.as_ref().map(|post| post.at.as_millisecond() as f64 / 1000.0 - published),
        flag: post.map(|post| FlagResult {
            status: post.flag.status.as_str().to_owned(),
            comment: post.flag.comment,
            url: post.flag.url,
        }),
        job: key,
    })
}

fn is_about(case: &DemoCase, flag: &PagureFlag) -> bool {
    case.commit.as_ref().is_some_and(|commit| flag.commit == commit.as_str())
}

fn git_ref(job: &Job) -> String {
    let git_ref = &job.json()["request"];
    ["branch", "tag"].iter().find_map(|kind| git_ref[*kind].as_str()).unwrap_or_default().to_owned()
}

/// When the provider started a build, in seconds since 1970.
async fn started_at(sandbox: &Sandbox, build: &str) -> anyhow::Result<Option<f64>> {
    let client = sandbox.codebuild_client(sandbox.account.emulator().root_key())?;
    let response = client.json("codebuild", "CodeBuild_20161006.BatchGetBuilds", json!({ "ids": [build] })).await;
    let response = response.with_context(|| format!("BatchGetBuilds in {REGION}"))?;
    Ok(response["builds"][0]["startTime"].as_f64())
}

/// The worker's log lines about a rejected job.
fn rejections(log: &str, key: &str) -> Vec<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["span"]["job.key"] == key)
        .filter_map(|line| line["message"].as_str().filter(|text| text.starts_with("rejected")).map(str::to_owned))
        .collect()
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
