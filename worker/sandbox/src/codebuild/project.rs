//! Build projects: what CreateProject accepts, and rejects because this CodeBuild does not support it.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::CodeBuildError;
use super::variable::{self, CodeBuildVariable};

/// CreateProject's input. An unknown field is rejected by name, so that no caller relies on a setting without effect.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BuildProject {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    pub(super) source: ProjectSource,
    artifacts: ProjectArtifacts,
    pub(super) environment: ProjectEnvironment,
    pub(super) service_role: String,
    #[serde(default = "an_hour")]
    pub(super) timeout_in_minutes: u32,
    #[serde(default = "eight_hours")]
    pub(super) queued_timeout_in_minutes: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) concurrent_build_limit: Option<usize>,
    #[serde(default)]
    logs_config: ProjectLogsConfig,
    #[serde(default)]
    cache: ProjectCache,
    #[serde(default)]
    auto_retry_limit: u32,
    #[serde(default)]
    tags: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encryption_key: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ProjectSource {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    pub(super) buildspec: String,
    #[serde(default)]
    insecure_ssl: bool,
    /// Without meaning for a project without a source; Terraform sends it nevertheless.
    #[serde(default)]
    git_clone_depth: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProjectArtifacts {
    #[serde(rename = "type")]
    kind: String,
    /// As `git_clone_depth`.
    #[serde(default)]
    override_artifact_name: bool,
}

/// The build environment. Builds always run on this machine and ignore the image; it is kept to be returned.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ProjectEnvironment {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) image: String,
    pub(super) compute_type: String,
    #[serde(default)]
    pub(super) privileged_mode: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image_pull_credentials_type: Option<String>,
    #[serde(default)]
    pub(super) environment_variables: Vec<CodeBuildVariable>,
}

impl ProjectEnvironment {
    pub(super) fn with_variables(&self, environment_variables: Vec<CodeBuildVariable>) -> Self {
        Self { environment_variables, ..self.clone() }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProjectLogsConfig {
    #[serde(default)]
    cloud_watch_logs: CloudWatchLogsConfig,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s3_logs: Option<S3LogsConfig>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CloudWatchLogsConfig {
    #[serde(default)]
    status: LogsStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream_name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum LogsStatus {
    #[default]
    Enabled,
    Disabled,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3LogsConfig {
    status: LogsStatus,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectCache {
    #[serde(rename = "type")]
    kind: String,
    /// Empty without a cache; Terraform sends it nevertheless.
    #[serde(default, skip_serializing)]
    location: String,
}

impl Default for ProjectCache {
    fn default() -> Self {
        Self { kind: "NO_CACHE".to_owned(), location: String::new() }
    }
}

fn an_hour() -> u32 {
    60
}

fn eight_hours() -> u32 {
    480
}

/// The range of a build's timeout in minutes (CodeBuild's API reference).
const TIMEOUT_MINUTES: std::ops::RangeInclusive<u32> = 5..=2160;
/// The range of a build's queued timeout in minutes.
const QUEUED_MINUTES: std::ops::RangeInclusive<u32> = 5..=480;

pub(super) fn validate_timeout(name: &str, minutes: u32) -> Result<(), CodeBuildError> {
    let range = if name.starts_with("queued") { QUEUED_MINUTES } else { TIMEOUT_MINUTES };
    if range.contains(&minutes) {
        return Ok(());
    }
    let message = format!("Invalid {name}: {minutes} is not between {} and {}", range.start(), range.end());
    Err(CodeBuildError::invalid_input(message))
}

impl BuildProject {
    /// Rejects values that CodeBuild rejects, and those that this CodeBuild does not support.
    pub(super) fn validate(&self) -> Result<(), CodeBuildError> {
        let unsupported = |what: &str| {
            Err(CodeBuildError::invalid_input(format!("this sandbox's CodeBuild does not support {what}")))
        };
        let is_name_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !(2..=255).contains(&self.name.len()) || !self.name.chars().all(is_name_char) {
            return Err(CodeBuildError::invalid_input(format!("Invalid project name: {:?}", self.name)));
        }
        if !self.service_role.contains(":role/") {
            return Err(CodeBuildError::invalid_input("Invalid service role: a role's ARN is needed"));
        }
        if self.concurrent_build_limit == Some(0) {
            return Err(CodeBuildError::invalid_input("Invalid concurrent build limit: it must be at least 1"));
        }
        if self.source.buildspec.trim().is_empty() {
            return Err(CodeBuildError::invalid_input("Project source NO_SOURCE requires a buildspec"));
        }
        validate_timeout("timeoutInMinutes", self.timeout_in_minutes)?;
        validate_timeout("queuedTimeoutInMinutes", self.queued_timeout_in_minutes)?;
        variable::validate(&self.environment.environment_variables)?;
        let s3_logs = self.logs_config.s3_logs.as_ref().is_some_and(|logs| logs.status == LogsStatus::Enabled);
        match () {
            () if self.source.kind != "NO_SOURCE" => unsupported("source types other than NO_SOURCE"),
            () if self.artifacts.kind != "NO_ARTIFACTS" => unsupported("artifacts types other than NO_ARTIFACTS"),
            () if self.cache.kind != "NO_CACHE" || !self.cache.location.is_empty() => {
                unsupported("cache types other than NO_CACHE")
            }
            () if self.environment.privileged_mode => unsupported("privileged mode"),
            () if self.auto_retry_limit > 0 => unsupported("automatic retries"),
            () if s3_logs => unsupported("logs in S3"),
            () => Ok(()),
        }
    }

    /// The log group and stream of a build, unless the project's logs are disabled.
    pub(super) fn log_stream(&self, build_uuid: &str) -> Option<(String, String)> {
        let logs = &self.logs_config.cloud_watch_logs;
        if logs.status == LogsStatus::Disabled {
            return None;
        }
        let group = logs.group_name.clone().unwrap_or_else(|| format!("/aws/codebuild/{}", self.name));
        let stream = match &logs.stream_name {
            Some(prefix) => format!("{prefix}/{build_uuid}"),
            None => build_uuid.to_owned(),
        };
        Some((group, stream))
    }

    /// The project as BatchGetProjects returns it.
    pub(super) fn to_json(&self, arn: &str, created: Timestamp, modified: Timestamp) -> Value {
        let mut shown = json!(self);
        shown["arn"] = json!(arn);
        shown["created"] = json!(super::build::epoch_seconds(created));
        shown["lastModified"] = json!(super::build::epoch_seconds(modified));
        shown
    }
}
