use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_codebuild::Client;
use aws_sdk_codebuild::operation::start_build::StartBuildError;
use aws_sdk_codebuild::types::{Build, EnvironmentVariable, EnvironmentVariableType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use doorbell_engine::domain::{
    BuildQuery, BuildVariable, BuildVariableKind, FailedStage, LaunchSpec, ProviderBuild, StartOutcome, Timestamp,
};
use doorbell_engine::ports::{BuildProvider, MAX_DESCRIBE_BATCH, PortError};
use doorbell_messages::{BuildId, JOB_ID};

use crate::aws::clock::AwsClock;
use crate::aws::connection::{describe_error, port_error};

/// AWS CodeBuild.
#[derive(Debug, Clone)]
pub struct CodeBuildProvider(Client);

/// One attempt and no more: whoever repeats a start does so knowingly, with the row's claim and the same token.
const START_TIMEOUT: Duration = Duration::from_secs(10);

impl CodeBuildProvider {
    pub fn new(sdk: &SdkConfig, clock: &AwsClock) -> Self {
        let config = aws_sdk_codebuild::config::Builder::from(sdk).interceptor(clock.clone()).build();
        Self(Client::from_conf(config))
    }
}

impl BuildProvider for CodeBuildProvider {
    async fn start(&self, spec: &LaunchSpec, token: &str) -> StartOutcome {
        let Ok(timeout) = i32::try_from(spec.timeout_minutes) else {
            return StartOutcome::Invalid(format!("{} minutes are too many", spec.timeout_minutes));
        };
        let variables: Result<Vec<_>, _> = spec.environment.iter().map(variable).collect();
        let variables = match variables {
            Ok(variables) => variables,
            Err(error) => return StartOutcome::Invalid(error.to_string()),
        };
        let single_attempt = aws_sdk_codebuild::Config::builder().retry_config(RetryConfig::disabled()).timeout_config(
            TimeoutConfig::builder().operation_attempt_timeout(START_TIMEOUT).operation_timeout(START_TIMEOUT).build(),
        );
        let answer = self
            .0
            .start_build()
            .project_name(spec.build_project.as_str())
            .idempotency_token(token)
            .timeout_in_minutes_override(timeout)
            .set_environment_variables_override(Some(variables))
            .customize()
            .config_override(single_attempt)
            .send()
            .await;
        match answer {
            Ok(answer) => match answer.build_value.and_then(build) {
                Some(build) => StartOutcome::Started(build),
                None => StartOutcome::Unknown("StartBuild answered without a build".to_owned()),
            },
            Err(error) => classify_start_error(&error),
        }
    }

    async fn list(&self, query: &BuildQuery) -> Result<Vec<ProviderBuild>, PortError> {
        let mut found = Vec::new();
        let mut page = None;
        loop {
            // No sortOrder: newest first is the default, and naming it fails in projects with more than 100 builds.
            let call = self.0.list_builds_for_project().project_name(query.build_project.as_str()).set_next_token(page);
            let answer = call.send().await.map_err(|error| port_error("ListBuildsForProject", error))?;
            let ids: Vec<BuildId> = answer.ids().iter().map(BuildId::new).collect();
            for chunk in ids.chunks(MAX_DESCRIBE_BATCH) {
                found.extend(self.describe(chunk).await?);
            }
            let past_it = found.iter().any(|build| build.started_at.is_some_and(|at| at < query.not_before));
            page = answer.next_token.filter(|_| !past_it && !ids.is_empty());
            if page.is_none() {
                return Ok(found);
            }
        }
    }

    async fn describe(&self, ids: &[BuildId]) -> Result<Vec<ProviderBuild>, PortError> {
        let call = self.0.batch_get_builds().set_ids(Some(ids.iter().map(ToString::to_string).collect()));
        let answer = call.send().await.map_err(|error| port_error("BatchGetBuilds", error))?;
        Ok(answer.builds.unwrap_or_default().into_iter().filter_map(build).collect())
    }

    async fn stop(&self, id: &BuildId) -> Result<(), PortError> {
        match self.0.stop_build().id(id.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(()),
            Err(error) => Err(port_error(&format!("StopBuild {id}"), error)),
        }
    }
}

/// What a StartBuild that brought no build means. Only what AWS documents as "not run" is definite; everything else,
/// codes of a later day included, is "nobody knows".
fn classify_start_error(error: &SdkError<StartBuildError, HttpResponse>) -> StartOutcome {
    let message = describe_error(error);
    if let SdkError::ConstructionFailure(_) = error {
        return StartOutcome::Denied(message);
    }
    match error.code() {
        Some(
            "AccountLimitExceededException"
            | "ThrottlingException"
            | "Throttling"
            | "TooManyRequestsException"
            | "RequestLimitExceeded",
        ) => StartOutcome::Limited(message),
        // The name of the error for "same token, other parameters" is not documented.
        Some("InvalidInputException") if message.to_ascii_lowercase().contains("idempoten") => {
            StartOutcome::Unknown(message)
        }
        Some("InvalidInputException") => StartOutcome::Invalid(message),
        Some(
            "AccessDeniedException"
            | "ResourceNotFoundException"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "ExpiredTokenException"
            | "InvalidClientTokenId"
            | "MissingAuthenticationTokenException",
        ) => StartOutcome::Denied(message),
        _ => StartOutcome::Unknown(message),
    }
}

fn variable(variable: &BuildVariable) -> Result<EnvironmentVariable, aws_smithy_types::error::operation::BuildError> {
    let kind = match variable.kind {
        BuildVariableKind::Plaintext => EnvironmentVariableType::Plaintext,
        BuildVariableKind::ParameterStore => EnvironmentVariableType::ParameterStore,
        BuildVariableKind::SecretsManager => EnvironmentVariableType::SecretsManager,
    };
    EnvironmentVariable::builder().name(&variable.name).value(&variable.value).r#type(kind).build()
}

fn build(build: Build) -> Option<ProviderBuild> {
    let variables =
        build.environment.as_ref().map(|environment| environment.environment_variables()).unwrap_or_default();
    let job_id =
        variables.iter().find(|variable| variable.name() == JOB_ID).map(|variable| variable.value().to_owned());
    let failed_phase = build.phases().iter().find_map(failed_phase);
    Some(ProviderBuild {
        id: BuildId::new(build.id?),
        number: build.build_number,
        job_id,
        initiator: build.initiator,
        complete: build.build_complete,
        status: build.build_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        started_at: build.start_time.and_then(time),
        ended_at: build.end_time.and_then(time),
        log_url: build.logs.and_then(|logs| logs.deep_link),
        failed_stage: failed_phase,
    })
}

fn failed_phase(phase: &aws_sdk_codebuild::types::BuildPhase) -> Option<FailedStage> {
    let status = phase.phase_status()?.as_str();
    if matches!(status, "SUCCEEDED" | "IN_PROGRESS" | "QUEUED") {
        return None;
    }
    let message = phase.contexts().iter().find_map(|context| context.message()).unwrap_or(status);
    Some(FailedStage { name: phase.phase_type()?.as_str().to_owned(), message: message.to_owned() })
}

fn time(at: aws_smithy_types::DateTime) -> Option<Timestamp> {
    at.to_millis().ok().map(Timestamp::from_millis)
}
