use serde::Deserialize;

use super::error::CodeBuildError;
use super::project;
use super::variable::{self, CodeBuildVariable};

/// StartBuild's input. An unknown override is rejected by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StartBuildInput {
    pub(super) project_name: String,
    #[serde(default)]
    pub(super) environment_variables_override: Vec<CodeBuildVariable>,
    pub(super) timeout_in_minutes_override: Option<u32>,
    pub(super) queued_timeout_in_minutes_override: Option<u32>,
    pub(super) idempotency_token: Option<String>,
    auto_retry_limit_override: Option<u32>,
}

impl StartBuildInput {
    /// The longest idempotency token (CodeBuild's API reference).
    const MAX_TOKEN_CHARS: usize = 64;

    pub(super) fn validate(&self) -> Result<(), CodeBuildError> {
        if self.idempotency_token.as_ref().is_some_and(|token| token.chars().count() > Self::MAX_TOKEN_CHARS) {
            return Err(CodeBuildError::invalid_input("Invalid idempotency token: at most 64 characters are allowed"));
        }
        if self.auto_retry_limit_override.is_some_and(|limit| limit > 0) {
            return Err(CodeBuildError::invalid_input("this sandbox's CodeBuild does not support automatic retries"));
        }
        if let Some(minutes) = self.timeout_in_minutes_override {
            project::validate_timeout("timeoutInMinutesOverride", minutes)?;
        }
        if let Some(minutes) = self.queued_timeout_in_minutes_override {
            project::validate_timeout("queuedTimeoutInMinutesOverride", minutes)?;
        }
        variable::validate(&self.environment_variables_override)
    }
}
