//! The plan of a run, derived from the seed: which jobs there are, and the outcome of each.
use doorbell_messages::CommitId;
use serde_json::json;

use crate::git_host::{EXECUTABLE_FILE, GitRepository};
use crate::sandbox::Sandbox;
use crate::seeded_rng::SeededRng;

/// The run's only project.
pub(super) const PROJECT: &str = "storm";

/// The variable by which a request sets what the build does instead of the runner.
const BEHAVIOR_VARIABLE: &str = "BEHAVIOR";

/// Percentage of builds that run the runner with a checkout, as in production; the others cost little.
const RUNNER_PERCENT: u8 = 10;

/// A job's planned outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlannedOutcome {
    /// Its command succeeds.
    Success,
    /// Its command fails.
    Failure,
    /// The project does not allow its branch.
    Rejected,
}

/// A planned job: its own branch and commit, so every flag on that commit belongs to it.
#[derive(Debug, Clone)]
pub(super) struct JobPlan {
    /// The request's id.
    pub(super) id: String,
    pub(super) branch: String,
    pub(super) commit: CommitId,
    pub(super) outcome: PlannedOutcome,
    /// Whether the request names the commit; otherwise the worker asks the forge.
    names_commit: bool,
    /// The value of `BEHAVIOR_VARIABLE`; without it the runner runs.
    behavior: Option<String>,
    /// How often it is published.
    pub(super) publish_count: u8,
}

/// A stand-in for most builds: the worker is tested, not the checkout.
pub(super) const BUILDSPEC: &str = "\
version: 0.2
phases:
  build:
    commands:
      - 'if [ -n \"$BEHAVIOR\" ]; then sleep ${BEHAVIOR%:*}; exit ${BEHAVIOR#*:}; else doorbell-runner; fi'
";

impl JobPlan {
    /// The arguments of `trigger_job`.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = [PROJECT, &self.branch, "--id", &self.id].map(str::to_owned).into();
        if self.names_commit {
            arguments.extend(["--commit".to_owned(), self.commit.to_string()]);
        }
        if let Some(behavior) = &self.behavior {
            arguments.extend(["--var".to_owned(), format!("{BEHAVIOR_VARIABLE}={behavior}")]);
        }
        arguments
    }
}

/// Creates the repository, the project and the jobs. `forge` is the base URL by which workers reach the forge.
pub(super) async fn create_jobs(sandbox: &Sandbox, forge: &str, seed: u64, jobs: u64) -> anyhow::Result<Vec<JobPlan>> {
    let repository = sandbox.forge.create_repository(PROJECT).await?;
    let templates: Vec<_> = (0..jobs).map(|number| generate_job(seed, number)).collect();
    let mut commits = create_commits(&repository, &templates).await?.into_iter();
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["refs"] = json!(["heads/job-*"]);
    document["variables"] = json!([BEHAVIOR_VARIABLE]);
    document["reportTo"]["url"] = json!(forge);
    sandbox.register_project(PROJECT, &document).await?;
    let with_commit = |template: JobTemplate| {
        let commit = commits.next()?;
        Some(JobPlan {
            id: template.branch.clone(),
            branch: template.branch,
            commit,
            outcome: template.outcome,
            names_commit: template.names_commit,
            behavior: template.behavior,
            publish_count: template.publish_count,
        })
    };
    Ok(templates.into_iter().map_while(with_commit).collect())
}

struct JobTemplate {
    branch: String,
    outcome: PlannedOutcome,
    names_commit: bool,
    behavior: Option<String>,
    publish_count: u8,
}

fn generate_job(seed: u64, number: u64) -> JobTemplate {
    let mut rng = SeededRng::for_purpose(seed, "job", number);
    let outcome = rng
        .weighted(&[(65, PlannedOutcome::Success), (28, PlannedOutcome::Failure), (7, PlannedOutcome::Rejected)])
        .unwrap_or(PlannedOutcome::Success);
    let branch = match outcome {
        PlannedOutcome::Success | PlannedOutcome::Failure => format!("job-{number}"),
        PlannedOutcome::Rejected => format!("wild-{number}"),
    };
    let code = if outcome == PlannedOutcome::Failure { 3 } else { 0 };
    let behavior = (!rng.percent(RUNNER_PERCENT)).then(|| format!("0.{}:{code}", rng.below(10)));
    let is_unnamed = rng.percent(10);
    let publish_count = if rng.percent(10) { 2 } else { 1 };
    // A rejection is reported only if the request names the commit. Without a commit a repeat is the same job for two
    // minutes only, and publishers are slow here.
    let names_commit = outcome == PlannedOutcome::Rejected || publish_count > 1 || !is_unnamed;
    JobTemplate { branch, outcome, names_commit, behavior, publish_count }
}

/// Creates one commit per job, in the order of the jobs.
async fn create_commits(repository: &GitRepository, templates: &[JobTemplate]) -> anyhow::Result<Vec<CommitId>> {
    let branches: Vec<(String, &str)> = templates
        .iter()
        .map(|template| {
            (
                template.branch.clone(),
                if template.outcome == PlannedOutcome::Failure { "#!/bin/sh\nexit 3\n" } else { "#!/bin/sh\n" },
            )
        })
        .collect();
    let files: Vec<_> = branches.iter().map(|(_, script)| [("ci.sh", EXECUTABLE_FILE, *script)]).collect();
    let branches: Vec<_> =
        branches.iter().zip(&files).map(|((branch, _), files)| (branch.as_str(), files.as_slice())).collect();
    repository.create_branches(&branches).await
}
