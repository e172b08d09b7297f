//! What the demo does, in order.
use std::time::SystemTime;

use anyhow::Context;
use serde_json::{Value, json};

use super::case::{CASE_WITHIN, Case};
use super::denied;
use super::result::{CaseResult, DemoResult, FlagResult};
use super::screen::Screen;
use crate::forge::{EXECUTABLE, Flag};
use crate::job::Job;
use crate::sandbox::Sandbox;
use crate::worker_process::WorkerProcess;
use crate::world::account::REGION;

const PASSING: &str = "#!/bin/sh\necho \"deploying $1 at $DOORBELL_COMMIT\"\n";
const FAILING: &str = "#!/bin/sh\necho 'this test fails on purpose' >&2\nexit 3\n";

pub(super) async fn tell(sandbox: &Sandbox, worker: &WorkerProcess, screen: &Screen) -> anyhow::Result<DemoResult> {
    let repository = sandbox.forge.create_repository("demo").await?;
    let good = repository.commit("main", &[("ci.sh", EXECUTABLE, PASSING)], "A script that passes").await?;
    let bad = repository.commit("broken", &[("ci.sh", EXECUTABLE, FAILING)], "A script that fails").await?;
    let wild = repository.commit("wild", &[("ci.sh", EXECUTABLE, PASSING)], "A branch nobody allowed").await?;
    let mut document = sandbox.document(&repository, &json!("./ci.sh"));
    document["refs"] = json!(["heads/main", "heads/broken"]);
    sandbox.register("demo", &document).await?;
    screen.note(&format!(
        "registry: {} builds {} from main and broken",
        sandbox.world.parameter_name("demo"),
        repository.url()
    ));

    let cases = [
        Case::new("a build that succeeds", &["demo", "main"], "success", 1).on(&good),
        Case::new("a build that fails", &["demo", "broken"], "failure", 1).on(&bad),
        Case::new("one publish, repeated: one build", &["demo", "main", "--id", "ci-4711"], "success", 1)
            .on(&good)
            .published(2),
        Case::new("a ref that is not allowed", &["demo", "wild", "--commit", wild.as_str()], "rejected", 0).on(&wild),
        Case::new("a project that nobody registered", &["nowhere", "main"], "rejected", 0),
    ];
    let mut jobs = Vec::new();
    for case in cases {
        jobs.push(play(sandbox, worker, screen, case).await?);
    }
    screen.case("the publisher's key tries everything else");
    let (denied, allowed) = denied::try_everything(sandbox, "demo").await?;
    screen.denials(&denied, &allowed);
    Ok(DemoResult { jobs, denied, allowed })
}

async fn play(sandbox: &Sandbox, worker: &WorkerProcess, screen: &Screen, case: Case) -> anyhow::Result<CaseResult> {
    screen.case(case.title);
    let arguments: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
    let flags_before = sandbox.forge.flag_posts().len();
    let published = now();
    let mut key = String::new();
    for _ in 0..case.times {
        screen.command(&arguments);
        key = sandbox.trigger(&arguments).await?.job()?;
        screen.published(&key);
    }
    let mut shown = Vec::new();
    let deadline = tokio::time::Instant::now() + CASE_WITHIN;
    let job = loop {
        let job = sandbox.job(&key).await?;
        if let Some(job) = &job {
            for line in job.trail().into_iter().skip(shown.len()).map(str::to_owned).collect::<Vec<_>>() {
                screen.step(&line, now() - published);
                shown.push(line);
            }
        }
        match job.filter(Job::is_settled) {
            Some(job) => break job,
            None if tokio::time::Instant::now() > deadline => {
                anyhow::bail!("the job {key} did not settle within {CASE_WITHIN:?}")
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
    screen.flag(post.as_ref().map(|post| &post.flag));
    screen.log_lines(&rejections(&worker.log()?, &key));
    Ok(CaseResult {
        is_as_expected: job.status() == case.outcome
            && builds.len() == case.builds
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

fn is_about(case: &Case, flag: &Flag) -> bool {
    case.commit.as_ref().is_some_and(|commit| flag.commit == commit.as_str())
}

fn git_ref(job: &Job) -> String {
    let git_ref = &job.json()["request"];
    ["branch", "tag"].iter().find_map(|kind| git_ref[*kind].as_str()).unwrap_or_default().to_owned()
}

/// The provider's own word for when a build was started, in seconds since 1970.
async fn started_at(sandbox: &Sandbox, build: &str) -> anyhow::Result<Option<f64>> {
    let client = sandbox.codebuild_client(sandbox.world.emulator().root_key())?;
    let answer = client.json("codebuild", "CodeBuild_20161006.BatchGetBuilds", json!({ "ids": [build] })).await;
    let answer = answer.with_context(|| format!("BatchGetBuilds in {REGION}"))?;
    Ok(answer["builds"][0]["startTime"].as_f64())
}

/// What the worker's log says of a job that was refused.
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
