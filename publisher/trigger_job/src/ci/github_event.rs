use std::path::Path;

use serde::Deserialize;

use super::{FileReader, Fork};
use crate::env_vars::EnvVars;
use crate::resolution::SourcedValue;

/// The part of the event's file that matters here.
#[derive(Deserialize)]
pub(super) struct GithubEvent {
    #[serde(default)]
    pub(super) pull_request: Option<PullRequest>,
    #[serde(default)]
    pub(super) workflow_run: Option<WorkflowRun>,
    #[serde(default)]
    repository: Option<Repository>,
}

#[derive(Deserialize)]
pub(super) struct PullRequest {
    number: u64,
    #[serde(default)]
    merged: Option<bool>,
    head: PullRequestSide,
    base: PullRequestSide,
}

#[derive(Deserialize)]
struct PullRequestSide {
    sha: String,
    /// Null when a fork was deleted.
    repo: Option<Repository>,
}

/// The run that this one was started by.
#[derive(Deserialize)]
pub(super) struct WorkflowRun {
    #[serde(default)]
    pub(super) head_branch: Option<String>,
    #[serde(default)]
    pub(super) head_sha: Option<String>,
    /// Null when a fork was deleted.
    #[serde(default)]
    head_repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

impl GithubEvent {
    /// Reads the file that `GITHUB_EVENT_PATH` names, if it can be read.
    pub(super) fn read(environment: EnvVars<'_>, file: FileReader<'_>) -> Option<Self> {
        let path = environment.get("GITHUB_EVENT_PATH")?;
        serde_json::from_str(&file(Path::new(&path)).ok()?).ok()
    }

    /// Whether the run that this one was started by was of a fork.
    pub(super) fn fork_of_workflow_run(&self) -> Fork {
        const SOURCE: &str = "GITHUB_EVENT_PATH: workflow_run.head_repository";
        match (&self.workflow_run, &self.repository) {
            (Some(run), Some(here)) => fork(run.head_repository.as_ref(), Some(here), SOURCE),
            _ => Fork::Unknown("the event's file (GITHUB_EVENT_PATH) does not name the run's repository"),
        }
    }
}

impl PullRequest {
    pub(super) fn number(&self) -> SourcedValue {
        event_value(self.number.to_string(), "number")
    }

    pub(super) fn head(&self) -> SourcedValue {
        event_value(self.head.sha.clone(), "head.sha")
    }

    pub(super) fn is_merged(&self) -> bool {
        self.merged == Some(true)
    }

    pub(super) fn fork(&self) -> Fork {
        fork(self.head.repo.as_ref(), self.base.repo.as_ref(), "GITHUB_EVENT_PATH: pull_request.head.repo")
    }
}

fn event_value(text: String, key: &str) -> SourcedValue {
    SourcedValue::new(text, format!("GITHUB_EVENT_PATH: pull_request.{key}"))
}

fn fork(head: Option<&Repository>, base: Option<&Repository>, source: &str) -> Fork {
    match (head, base) {
        (Some(head), Some(base)) if head.full_name == base.full_name => Fork::No,
        _ => Fork::Yes(source.to_owned()),
    }
}
