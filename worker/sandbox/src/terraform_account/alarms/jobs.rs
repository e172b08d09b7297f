//! Causes in the life of one job.
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::{Aftermath, codebuild, stop, wait_for_lines};
use crate::account::IAM_VERSION;
use crate::account::definition::{ACCOUNT_ID, WORKER_ROLE};
use crate::backdate::backdate_row;
use crate::credentials::RoleCredentials;
use crate::job::Job;
use crate::terraform_account::scenarios::TerraformScenarios;

/// The name of the policy that takes StartBuild away from the workers.
const DENIAL: &str = "denial";
/// The worker's log line of a refused StartBuild. The job's trail has another.
const DENIED: &str = "StartBuild denied; check";
/// The job that no worker may start.
const DENIED_JOB: [&str; 4] = ["demo", "main", "--id", "denied"];
const OVER_AN_HOUR: Duration = Duration::from_secs(61 * 60);
/// Longer than any lease of a row that crashed its worker.
const PAST_ANY_LEASE: Duration = Duration::from_secs(16 * 60);
/// A stack that fits into no address space, so that the operating system starts no thread: one way in which a task of
/// the worker panics. It needs a thread only to resolve a host's name.
const ENDLESS_STACK: (&str, &str) = ("RUST_MIN_STACK", "140737488355328");
/// The project whose forge has a name.
const PANICKING_PROJECT: &str = "panicking";
/// Three panics quarantine a job.
const MAX_PANICS: u64 = 3;

/// An organization's policy takes a permission away.
pub(super) async fn deny_a_start(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<Aftermath> {
    let denial = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Deny", "Action": "codebuild:StartBuild", "Resource": "*" },
    ]});
    let policy = [("RoleName", WORKER_ROLE), ("PolicyName", DENIAL), ("PolicyDocument", &denial.to_string())];
    scenarios.fixture.root.query("iam", IAM_VERSION, "PutRolePolicy", &policy).await?;
    let worker = scenarios.start_worker("denied-start", &[]).await?;
    scenarios.trigger(&DENIED_JOB).await?;
    wait_for_lines(&worker, DENIED, 1).await?;
    Ok(Aftermath { log: stop(worker).await?, idle: Duration::ZERO })
}

/// The job of [`deny_a_start`] an hour later. Then it is canceled, and the permission is back.
pub(super) async fn deny_starts_for_an_hour(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<Aftermath> {
    let root = &scenarios.fixture.root;
    let jobs = crate::account::rows(root).await?.iter().map(Job::from_item).collect::<Vec<_>>();
    let job = jobs.iter().find(|job| job.key().starts_with("demo#denied#")).context("there is no denied job")?;
    backdate_row(root, job.key(), OVER_AN_HOUR).await?;
    let worker = scenarios.start_worker("denied-for-an-hour", &[]).await?;
    // The sweep that begins the second try is not the one that began the first: that one has ended.
    wait_for_lines(&worker, DENIED, 2).await?;
    let key = scenarios.trigger(&[DENIED_JOB.as_slice(), &["--cancel"]].concat()).await?;
    scenarios.wait_until_settled(&key, "canceled").await?;
    let log = stop(worker).await?;
    let policy = [("RoleName", WORKER_ROLE), ("PolicyName", DENIAL)];
    root.query("iam", IAM_VERSION, "DeleteRolePolicy", &policy).await?;
    Ok(Aftermath { log, idle: Duration::ZERO })
}

/// A StartBuild call that seemed lost arrives after all, with a token that has expired.
///
/// The CI repeats its request, too, which is no reason for an alarm.
pub(super) async fn start_a_second_build(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<Aftermath> {
    let worker = scenarios.start_worker("second-build", &[]).await?;
    let slow = ["demo", "main", "--id", "twice", "--var", "STAGE=slow"];
    let key = scenarios.trigger(&slow).await?;
    let job = scenarios.wait_for_job(&key, "running", |job| job.phase() == "running").await?;
    scenarios.trigger(&slow).await?;
    wait_for_lines(&worker, "asked again; still this job", 1).await?;
    let roles = RoleCredentials::new(scenarios.fixture.root.clone(), ACCOUNT_ID, scenarios.fixture.key_ring.clone());
    let as_worker = codebuild(scenarios)?.with_key(roles.key(WORKER_ROLE).await?);
    as_worker.json("codebuild", "CodeBuild_20161006.StartBuild", start_input(&job)?).await?;
    wait_for_lines(&worker, "duplicate build detected", 1).await?;
    scenarios.trigger(&[slow.as_slice(), &["--cancel"]].concat()).await?;
    scenarios.wait_until_settled(&key, "canceled").await?;
    Ok(Aftermath { log: stop(worker).await?, idle: Duration::ZERO })
}

/// The input of a running job's StartBuild call, with another token.
fn start_input(job: &Job) -> anyhow::Result<Value> {
    let launch = &job.json()["phase"]["launch"];
    let variables = launch["spec"]["environment"].as_array().context("the row has no launch")?;
    ensure!(variables.iter().all(|variable| variable["kind"] == "plaintext"), "a variable is a secret: {launch}");
    let variable = |variable: &Value| json!({ "name": variable["name"], "value": variable["value"] });
    Ok(json!({
        "projectName": launch["target"],
        "idempotencyToken": "late",
        "environmentVariablesOverride": variables.iter().map(variable).collect::<Vec<_>>(),
    }))
}

/// Handling a job panics again and again, until the job is quarantined.
pub(super) async fn run_a_job_that_panics(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<Aftermath> {
    let root = &scenarios.fixture.root;
    let parameter = registry_parameter(scenarios)?;
    let document = json!({
        "gitUrl": "https://git.example.org/a.git", "command": ["true"], "refs": ["heads/main"],
        "buildProject": "doorbell-demo",
        "reportTo": {
            "type": "pagure", "url": "https://forge.example.org", "repo": "a", "tokenSecret": "doorbell/report/demo",
        },
    });
    let put = json!({ "Name": parameter, "Type": "String", "Value": document.to_string() });
    root.json("ssm", "AmazonSSM.PutParameter", put).await?;
    let worker = scenarios.start_worker("panicking-job", &[ENDLESS_STACK]).await?;
    let key = scenarios.trigger(&[PANICKING_PROJECT, "main"]).await?;
    let mut crash_score = 0;
    for panics in 1..=MAX_PANICS {
        let job = scenarios.wait_for_job(&key, "recorded as panicked", |job| has_panicked(job, crash_score)).await?;
        crash_score = job.json()["crash_score"].as_u64().unwrap_or_default();
        if panics < MAX_PANICS {
            backdate_row(root, &key, PAST_ANY_LEASE).await?;
        }
    }
    let log = stop(worker).await?;
    root.json("ssm", "AmazonSSM.DeleteParameter", json!({ "Name": parameter })).await?;
    Ok(Aftermath { log, idle: Duration::ZERO })
}

/// Whether a panic was recorded since the job had this crash score. A handling that begins adds one, a panic four.
fn has_panicked(job: &Job, crash_score: u64) -> bool {
    job.json()["quarantined"].is_string() || job.json()["crash_score"].as_u64().unwrap_or_default() >= crash_score + 4
}

/// The registry's parameter of [`PANICKING_PROJECT`]. Terraform does not manage it.
fn registry_parameter(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<String> {
    let prefix = &scenarios.terraform_state.output("worker_environment")["DOORBELL_REGISTRY_PREFIX"];
    Ok(format!("{}/{PANICKING_PROJECT}", prefix.as_str().context("the worker has no registry prefix")?))
}
