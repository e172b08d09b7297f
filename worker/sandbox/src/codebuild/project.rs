//! Build projects: what CreateProject takes, and refuses because this CodeBuild would not do it.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::variable::{self, Variable};

/// CreateProject's input, as far as it is understood. A field that is not here is refused by its name, so that
/// nobody believes in a setting that does nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Project {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    pub(super) source: Source,
    artifacts: Artifacts,
    pub(super) environment: Environment,
    pub(super) service_role: String,
    #[serde(default = "an_hour")]
    pub(super) timeout_in_minutes: u32,
    #[serde(default = "eight_hours")]
    pub(super) queued_timeout_in_minutes: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) concurrent_build_limit: Option<usize>,
    #[serde(default)]
    logs_config: LogsConfig,
    #[serde(default)]
    cache: Cache,
    #[serde(default)]
    auto_retry_limit: u32,
    #[serde(default)]
    tags: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encryption_key: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Source {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    pub(super) buildspec: String,
    #[serde(default)]
    insecure_ssl: bool,
    /// Of no meaning without a source; Terraform sends it all the same.
    #[serde(default)]
    git_clone_depth: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Artifacts {
    #[serde(rename = "type")]
    kind: String,
    /// Likewise.
    #[serde(default)]
    override_artifact_name: bool,
}

/// Where builds run. Here it is always this machine, whatever the image; it is kept to be shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Environment {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) image: String,
    pub(super) compute_type: String,
    #[serde(default)]
    pub(super) privileged_mode: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image_pull_credentials_type: Option<String>,
    #[serde(default)]
    pub(super) environment_variables: Vec<Variable>,
}

impl Environment {
    pub(super) fn with_variables(&self, environment_variables: Vec<Variable>) -> Self {
        Self { environment_variables, ..self.clone() }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LogsConfig {
    #[serde(default)]
    cloud_watch_logs: CloudWatchLogs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s3_logs: Option<S3Logs>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CloudWatchLogs {
    #[serde(default)]
    status: Switch,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream_name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Switch {
    #[default]
    Enabled,
    Disabled,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Logs {
    status: Switch,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cache {
    #[serde(rename = "type")]
    kind: String,
}

impl Default for Cache {
    fn default() -> Self {
        Self { kind: "NO_CACHE".to_owned() }
    }
}

fn an_hour() -> u32 {
    60
}

fn eight_hours() -> u32 {
    480
}

/// The minutes that a build may run (CodeBuild's API reference).
const TIMEOUT_MINUTES: std::ops::RangeInclusive<u32> = 5..=2160;
/// The minutes that a build may be queued.
const QUEUED_MINUTES: std::ops::RangeInclusive<u32> = 5..=480;

pub(super) fn check_timeout(name: &str, minutes: u32) -> Result<(), Refusal> {
    let range = if name.starts_with("queued") { QUEUED_MINUTES } else { TIMEOUT_MINUTES };
    if range.contains(&minutes) {
        return Ok(());
    }
    let message = format!("Invalid {name}: {minutes} is not between {} and {}", range.start(), range.end());
    Err(Refusal::invalid_input(message))
}

impl Project {
    /// Refuses values that CodeBuild refuses, or that would ask for what is not there.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let unsupported = |what: &str| Err(Refusal::invalid_input(format!("this sandbox's CodeBuild has no {what}")));
        let named = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !(2..=255).contains(&self.name.len()) || !self.name.chars().all(named) {
            return Err(Refusal::invalid_input(format!("Invalid project name: {:?}", self.name)));
        }
        if !self.service_role.contains(":role/") {
            return Err(Refusal::invalid_input("Invalid service role: a role's ARN is needed"));
        }
        if self.concurrent_build_limit == Some(0) {
            return Err(Refusal::invalid_input("Invalid concurrent build limit: it must be at least 1"));
        }
        if self.source.buildspec.trim().is_empty() {
            return Err(Refusal::invalid_input("Project source NO_SOURCE requires a buildspec"));
        }
        check_timeout("timeoutInMinutes", self.timeout_in_minutes)?;
        check_timeout("queuedTimeoutInMinutes", self.queued_timeout_in_minutes)?;
        variable::check(&self.environment.environment_variables)?;
        let s3_logs = self.logs_config.s3_logs.as_ref().is_some_and(|logs| logs.status == Switch::Enabled);
        match () {
            () if self.source.kind != "NO_SOURCE" => unsupported("source type but NO_SOURCE"),
            () if self.artifacts.kind != "NO_ARTIFACTS" => unsupported("artifacts type but NO_ARTIFACTS"),
            () if self.cache.kind != "NO_CACHE" => unsupported("cache type but NO_CACHE"),
            () if self.environment.privileged_mode => unsupported("privileged mode"),
            () if self.auto_retry_limit > 0 => unsupported("automatic retries"),
            () if s3_logs => unsupported("logs in S3"),
            () => Ok(()),
        }
    }

    /// The log group and stream of a build, unless the project has its logs switched off.
    pub(super) fn log_stream(&self, build_uuid: &str) -> Option<(String, String)> {
        let logs = &self.logs_config.cloud_watch_logs;
        if logs.status == Switch::Disabled {
            return None;
        }
        let group = logs.group_name.clone().unwrap_or_else(|| format!("/aws/codebuild/{}", self.name));
        let stream = match &logs.stream_name {
            Some(prefix) => format!("{prefix}/{build_uuid}"),
            None => build_uuid.to_owned(),
        };
        Some((group, stream))
    }

    /// The project as BatchGetProjects shows it.
    pub(super) fn show(&self, arn: &str, created: Timestamp, modified: Timestamp) -> Value {
        let mut shown = json!(self);
        shown["arn"] = json!(arn);
        shown["created"] = json!(super::build::epoch(created));
        shown["lastModified"] = json!(super::build::epoch(modified));
        shown
    }
}
