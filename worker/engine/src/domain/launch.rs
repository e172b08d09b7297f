use std::time::Duration;

use doorbell_messages::{
    BuildEnvironment, COMMIT, CommitId, DEFAULT_DOCUMENT, GIT_CREDENTIALS, GitRef, JOB_VARIABLES, JobKey,
    NOT_OLDER_THAN, PROJECT_DOCUMENT, Request, build_variable_name,
};
use doorbell_registry::{AnnounceRule, BuildProjectName, OnUnknownStart, OrderRule, RUNNER_TIMEOUT_MARGIN_SECONDS};
use serde::{Deserialize, Serialize};

use crate::domain::config::JobConfig;
use crate::domain::installation::InstallationId;
use crate::domain::policy::Policy;

/// Everything that a start needs, computed once and frozen in the row before the first call.
///
/// A provider refuses another input under the same token, and a job must not change while it is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The name of the provider.
    pub provider: String,
    /// What the provider runs builds of.
    pub target: BuildProjectName,
    /// The start input.
    pub spec: LaunchSpec,
    /// Minutes that the build may take.
    pub timeout_minutes: u32,
    /// What happens when it cannot be known whether a build was started.
    pub on_unknown_start: OnUnknownStart,
    /// The order of the jobs of its ref. Rows with another one than the default have schema 2.
    #[serde(default, skip_serializing_if = "OrderRule::is_parallel")]
    pub order: OrderRule,
    /// Commits that the built one must not be a strict ancestor of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_older_than: Vec<CommitId>,
    /// Whether the target itself fixes command, repository and secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// Whether a done event follows the end of the job. Rows with one that is not published have schema 3.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub announces: bool,
}

/// The input of a start call, apart from the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchSpec {
    /// What the provider runs a build of.
    pub target: BuildProjectName,
    /// Minutes that the build may take.
    pub timeout_minutes: u32,
    /// The build's environment, by name.
    pub environment: Vec<BuildVariable>,
    /// Whether the target keeps its own timeout, so that the call sets none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
}

/// One variable of a build's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildVariable {
    /// Its name.
    pub name: String,
    /// Its value, or the name of what holds it.
    pub value: String,
    /// Which of the two.
    ///
    /// Chosen here and never by a request: with kind and value a publisher could read any secret of the build's role.
    pub kind: BuildVariableKind,
}

/// Where the provider finds a variable's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildVariableKind {
    /// In the start call: visible to everybody who may read builds or their events.
    Plaintext,
    /// In the registry document of that name.
    Document,
    /// In the secret of that name.
    Secret,
}

impl Launch {
    /// Freezes what an allowed request starts.
    pub(crate) fn freeze(
        policy: &Policy,
        request: &Request,
        key: &JobKey,
        target: &BuildProjectName,
        commit: Option<CommitId>,
        config: &JobConfig,
    ) -> Self {
        let document = &policy.document;
        let timeout_minutes = document.build_minutes();
        let pinned = policy.is_pinned(&request.git_ref);
        let environment = environment(policy, request, key, commit, timeout_minutes, &config.installation);
        Self {
            provider: config.provider.name.to_owned(),
            target: target.clone(),
            spec: LaunchSpec { target: target.clone(), timeout_minutes, environment, pinned },
            timeout_minutes,
            on_unknown_start: document.on_unknown_start,
            order: document.order,
            not_older_than: Vec::new(),
            pinned,
            announces: config.publishes_done_events && document.announce != AnnounceRule::None,
        }
    }

    /// The commit that is to be built, where it is known.
    pub(crate) fn commit(&self) -> Option<CommitId> {
        let variable = self.spec.environment.iter().find(|variable| variable.name == COMMIT)?;
        variable.value.parse().ok()
    }

    /// Sets the commits that the build of the next attempt must not be older than.
    pub(crate) fn set_not_older_than(&mut self, commits: Vec<CommitId>) {
        self.spec.environment.retain(|variable| variable.name != NOT_OLDER_THAN);
        if !commits.is_empty() {
            self.spec.environment.push(plaintext(NOT_OLDER_THAN, BuildEnvironment::commit_list(&commits)));
        }
        self.not_older_than = commits;
    }

    /// How long after its start a build must have ended, given the longest wait in the provider's own queue.
    pub(crate) fn max_lifetime(&self, max_queue_time: Duration) -> Duration {
        Duration::from_secs(u64::from(self.timeout_minutes) * 60) + max_queue_time
    }
}

fn environment(
    policy: &Policy,
    request: &Request,
    key: &JobKey,
    commit: Option<CommitId>,
    timeout_minutes: u32,
    installation: &InstallationId,
) -> Vec<BuildVariable> {
    let document = &policy.document;
    let built_in = BuildEnvironment {
        job_id: installation.job_id(key),
        project: request.project.clone(),
        git_ref: request.git_ref.clone(),
        commit,
        not_older_than: Vec::new(),
        commit_rule: policy.commit_rule(request),
        git_url: document.git_url.clone(),
        checkout: document.checkout.unwrap_or_default(),
        argv: policy.argv(&request.git_ref),
        directory: document.deploy_dir.clone(),
        timeout_seconds: (timeout_minutes * 60).saturating_sub(RUNNER_TIMEOUT_MARGIN_SECONDS),
    };
    let pinned = policy.is_pinned(&request.git_ref);
    let built_in = built_in.to_variables().into_iter();
    let built_in = built_in
        .filter(|(name, _)| !pinned || JOB_VARIABLES.contains(name))
        .map(|(name, value)| plaintext(name, value));
    // The policy has checked these names against the project's list and the reserved ones.
    let requested =
        request.variables.iter().map(|(name, value)| plaintext(&build_variable_name(name), value.to_owned()));
    built_in.chain(requested).chain(credentials(policy, &request.git_ref)).collect()
}

/// Code from outside gets no credential at all: it could print it.
fn credentials(policy: &Policy, git_ref: &GitRef) -> Vec<BuildVariable> {
    // A pinned build project names its own secret, and no other.
    if matches!(git_ref, GitRef::PullRequest(_)) || policy.is_pinned(git_ref) {
        return Vec::new();
    }
    if let Some(credentials) = &policy.document.git_credentials {
        let value = credentials.secret.to_string();
        return vec![BuildVariable { name: GIT_CREDENTIALS.to_owned(), value, kind: BuildVariableKind::Secret }];
    }
    if !policy.inline_credentials {
        return Vec::new();
    }
    let default = policy.default_parameter.iter().map(|name| (DEFAULT_DOCUMENT, name));
    default
        .chain([(PROJECT_DOCUMENT, &policy.project_parameter)])
        .map(|(name, parameter)| BuildVariable {
            name: name.to_owned(),
            value: parameter.clone(),
            kind: BuildVariableKind::Document,
        })
        .collect()
}

fn plaintext(name: &str, value: String) -> BuildVariable {
    BuildVariable { name: name.to_owned(), value, kind: BuildVariableKind::Plaintext }
}
