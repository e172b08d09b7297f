use std::time::Duration;

use doorbell_messages::{
    BuildEnvironment, CommitId, DEFAULT_DOCUMENT, GIT_CREDENTIALS, GitRef, JobKey, PROJECT_DOCUMENT, Request,
};
use doorbell_registry::{BuildProjectName, OnUnknownStart};
use serde::{Deserialize, Serialize};

use crate::domain::installation::InstallationId;
use crate::domain::policy::Policy;
use crate::domain::report_target::{ForgeRepository, ReportTarget};

/// Everything that StartBuild needs, computed once and frozen in the row before the first send: CodeBuild refuses
/// another body under the same token, and a job must not change under its starter's hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The build project.
    pub build_project: BuildProjectName,
    /// The serialized [`LaunchSpec`], byte for byte as it is sent.
    pub input: String,
    /// Minutes that the build may take.
    pub timeout_minutes: u32,
    /// What happens when it can't be known whether a build was started.
    pub on_unknown_start: OnUnknownStart,
    /// Whom to tell.
    pub target: Option<ReportTarget>,
}

/// What is sent to the provider, apart from the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchSpec {
    /// The build project.
    pub build_project: BuildProjectName,
    /// Minutes that the build may take.
    pub timeout_minutes: u32,
    /// The build's environment, by name.
    pub environment: Vec<BuildVariable>,
}

/// One variable of a build's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildVariable {
    /// Its name.
    pub name: String,
    /// Its value, or the name of what holds it.
    pub value: String,
    /// Which of the two. Chosen here and never by a request: who chooses type and value can read any secret that
    /// the build role may read.
    pub kind: BuildVariableKind,
}

/// Where the provider finds a variable's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BuildVariableKind {
    /// In the request: visible to everybody who may look at builds or their events.
    Plaintext,
    /// In the SSM parameter of that name.
    ParameterStore,
    /// In the Secrets Manager secret of that name.
    SecretsManager,
}

/// Minutes a build may take where the project does not say: CodeBuild's own default.
const DEFAULT_TIMEOUT_MINUTES: u32 = 60;

/// How long before the provider's timeout the runner ends the command by itself: enough for its KILL and for a word
/// of its own about it.
const RUNNER_TIMEOUT_MARGIN: Duration = Duration::from_secs(60);

impl Launch {
    /// Freezes what an allowed request is going to start.
    pub(crate) fn freeze(
        policy: &Policy,
        request: &Request,
        key: &JobKey,
        build_project: &BuildProjectName,
        commit: Option<CommitId>,
        installation: &InstallationId,
    ) -> Self {
        let document = &policy.document;
        let timeout_minutes = document.timeout_minutes.map_or(DEFAULT_TIMEOUT_MINUTES, |minutes| minutes.get());
        let environment = environment(policy, request, key, commit.clone(), timeout_minutes, installation);
        let input = LaunchSpec { build_project: build_project.clone(), timeout_minutes, environment };
        let target = document.report.as_ref().zip(commit).map(|(report, commit)| ReportTarget {
            forge: ForgeRepository::from(report),
            commit,
            external_id: installation.flag_uid(key),
        });
        Self {
            build_project: build_project.clone(),
            // Writing texts and numbers can't fail.
            input: serde_json::to_string(&input).unwrap_or_default(),
            timeout_minutes,
            on_unknown_start: document.on_unknown_start,
            target,
        }
    }

    /// How long after its start a build must have ended, whatever the provider says.
    pub(crate) fn max_lifetime(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout_minutes) * 60) + crate::domain::config::MAX_PROVIDER_QUEUE_TIME
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
    let seconds = u64::from(timeout_minutes) * 60 - RUNNER_TIMEOUT_MARGIN.as_secs();
    let built_in = BuildEnvironment {
        job_id: installation.job_id(key),
        project: request.project.clone(),
        git_ref: request.git_ref.clone(),
        commit,
        commit_rule: document.commits,
        git_url: document.git_url.clone(),
        argv: policy.argv(&request.git_ref),
        directory: document.deploy_dir.clone(),
        timeout_seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
    };
    let built_in = built_in.to_variables().into_iter().map(|(name, value)| plaintext(name, value));
    // The policy has checked these names against the project's list and the reserved ones.
    let requested = request.variables.iter().map(|(name, value)| plaintext(name.as_str(), value.to_owned()));
    built_in.chain(requested).chain(credentials(policy, &request.git_ref)).collect()
}

/// Code from outside gets no credential at all: it could print it.
fn credentials(policy: &Policy, git_ref: &GitRef) -> Vec<BuildVariable> {
    if matches!(git_ref, GitRef::PullRequest(_)) {
        return Vec::new();
    }
    if let Some(credentials) = &policy.document.git_credentials {
        let value = credentials.secret.to_string();
        return vec![BuildVariable {
            name: GIT_CREDENTIALS.to_owned(),
            value,
            kind: BuildVariableKind::SecretsManager,
        }];
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
            kind: BuildVariableKind::ParameterStore,
        })
        .collect()
}

fn plaintext(name: &str, value: String) -> BuildVariable {
    BuildVariable { name: name.to_owned(), value, kind: BuildVariableKind::Plaintext }
}
