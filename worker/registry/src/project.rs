use doorbell_messages::{CheckoutOptions, CommitRule, DeployDir, GitUrl, RefName, RefPattern, parse};
use serde::{Deserialize, Serialize};

use crate::{
    AllowedVariables, AnnounceRule, BuildCommand, BuildProjectName, GitCredentials, MaxJobsPerHour, OnUnknownStart,
    OrderRule, PullRequestRule, ReportConfig, TimeoutMinutes,
};

/// An entry of the owner's registry: the project's document, merged over `_default`'s.
///
/// It does not hold the credentials that iwomp-in-aws kept in the documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", schemars(title = "Doorbell project document, version 1"))]
pub struct ProjectDocument {
    /// The URL of the repository. Required, here or in `_default`.
    pub git_url: GitUrl,
    /// The command that a build runs. Required, here or in `_default`.
    pub command: BuildCommand,
    /// The directory that the command runs in.
    #[serde(default)]
    pub deploy_dir: DeployDir,
    /// A Secrets Manager secret for git; replaces authToken and basicUsername/basicPassword.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present_object")]
    #[cfg_attr(feature = "schema", schemars(with = "GitCredentials"))]
    pub git_credentials: Option<GitCredentials>,
    /// The refs that may be built. Without it: the branch `defaultBranch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<RefPattern>"))]
    pub refs: Option<Vec<RefPattern>>,
    /// The only branch that may be built if `refs` is missing. Without both: any branch and no tag, with a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "RefName"))]
    pub default_branch: Option<RefName>,
    /// Where on its ref a commit that a request names may be.
    #[serde(default, deserialize_with = "parse::word")]
    pub commit_policy: CommitRule,
    /// Whether pull requests are built, and how.
    #[serde(default, deserialize_with = "parse::word")]
    pub pull_requests: PullRequestRule,
    /// How jobs of one ref are ordered.
    #[serde(default, deserialize_with = "parse::word")]
    pub order: OrderRule,
    /// Whether a request with `"allowOlder": true` may build a commit that is older than one that ran (`order: newest`).
    #[serde(default)]
    pub allow_older: bool,
    /// The action if the outcome of a start remains unknown.
    #[serde(default, deserialize_with = "parse::word")]
    pub on_unknown_start: OnUnknownStart,
    /// The build project of the builds. Without it: the worker's `--default-build-project`, or a rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "BuildProjectName"))]
    pub build_project: Option<BuildProjectName>,
    /// Whether `buildProject` itself fixes repository, command and git credentials, as Terraform writes it. The worker then
    /// sends a build its ref, its commit and the request's variables alone.
    #[serde(default)]
    pub pinned: bool,
    /// The build project of pull requests, whose role can do nothing. It differs from the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "BuildProjectName"))]
    pub unprivileged_build_project: Option<BuildProjectName>,
    /// The longest duration of a build. Without it: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "TimeoutMinutes"))]
    pub timeout_minutes: Option<TimeoutMinutes>,
    /// How many jobs may run in an hour, by the clock; further requests are rejected. Without it: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "MaxJobsPerHour"))]
    pub max_jobs_per_hour: Option<MaxJobsPerHour>,
    /// The variables that a request may set.
    #[serde(default)]
    pub variables: AllowedVariables,
    /// What the checkout fetches beyond the files of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present_object")]
    #[cfg_attr(feature = "schema", schemars(with = "CheckoutOptions"))]
    pub checkout: Option<CheckoutOptions>,
    /// Whether a request with `"action": "cancel"` may cancel a job.
    #[serde(default)]
    pub allow_cancel: bool,
    /// Which jobs are announced by a done event, where the installation has a topic of them.
    #[serde(default, deserialize_with = "parse::word")]
    pub announce: AnnounceRule,
    /// The forge that the job's status is reported to.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present_object")]
    #[cfg_attr(feature = "schema", schemars(with = "ReportConfig"))]
    pub report_to: Option<ReportConfig>,
}
