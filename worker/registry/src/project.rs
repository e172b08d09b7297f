use doorbell_messages::{CommitRule, DeployDir, GitUrl, RefName, VariableName, parse};
use serde::{Deserialize, Serialize};

use crate::{
    BuildCommand, BuildProjectName, GitCredentials, OnUnknownStart, PullRequestRule, RefPattern, ReportConfig,
    TimeoutMinutes,
};

/// An entry of the owner's registry: the project's document laid over `_default`'s, without the credentials that
/// iwomp-in-aws kept in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", schemars(title = "Doorbell project document, version 1"))]
pub struct ProjectDocument {
    /// Where the repository is.
    pub git_url: GitUrl,
    /// What a build runs.
    pub command: BuildCommand,
    /// The folder in the checkout that the command runs in.
    #[serde(default)]
    pub deploy_dir: DeployDir,
    /// A Secrets Manager secret for git; replaces authToken and basicUsername/basicPassword.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present_object")]
    #[cfg_attr(feature = "schema", schemars(with = "GitCredentials"))]
    pub git_credentials: Option<GitCredentials>,
    /// The refs that may be built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<RefPattern>"))]
    pub refs: Option<Vec<RefPattern>>,
    /// The one branch that may be built where `refs` is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "RefName"))]
    pub default_branch: Option<RefName>,
    /// Whether a named commit must be the ref's tip.
    #[serde(default, deserialize_with = "parse::word")]
    pub commits: CommitRule,
    /// Whether pull requests are built, and how.
    #[serde(default, deserialize_with = "parse::word")]
    pub pull_requests: PullRequestRule,
    /// What happens when it can't be known whether a build was started.
    #[serde(default, deserialize_with = "parse::word")]
    pub on_unknown_start: OnUnknownStart,
    /// The CodeBuild project that runs this project's builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "BuildProjectName"))]
    pub build_project: Option<BuildProjectName>,
    /// The CodeBuild project, with a role that can do nothing, that runs pull requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "BuildProjectName"))]
    pub unprivileged_build_project: Option<BuildProjectName>,
    /// Minutes that a build may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "TimeoutMinutes"))]
    pub timeout_minutes: Option<TimeoutMinutes>,
    /// The names that a request may set.
    #[serde(default)]
    pub variables: Vec<VariableName>,
    /// Whether a request with `action: cancel` may cancel a job.
    #[serde(default)]
    pub cancel_by_request: bool,
    /// Where the result is told.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present_object")]
    #[cfg_attr(feature = "schema", schemars(with = "ReportConfig"))]
    pub report: Option<ReportConfig>,
}
