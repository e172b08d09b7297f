use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_codebuild::Client;
use aws_sdk_codebuild::types::{Build, EnvironmentVariable, EnvironmentVariableType};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use doorbell_engine::domain::{
    BuildOutcome, BuildQuery, BuildState, BuildVariable, BuildVariableKind, FailedStage, LaunchSpec, ProviderBuild,
    ProviderProfile, StartOutcome, Timestamp,
};
use doorbell_engine::ports::{BuildProvider, DescribeError, PortError};
use doorbell_messages::{BuildId, JOB_ID};

use crate::aws::Initiator;
use crate::aws::clock::AwsClock;
use crate::aws::connection::port_error;
use crate::aws::foreign_words;

use super::start_error::classify_start_error;

/// AWS CodeBuild.
#[derive(Debug, Clone)]
pub struct CodeBuildProvider {
    client: Client,
    initiator: Initiator,
}

/// The timeout of the only attempt of StartBuild: a repeat needs the row's claim and the same token.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// The ids that one BatchGetBuilds takes.
const MAX_DESCRIBE_BATCH: usize = 100;

/// The phase in which the runner runs the command.
const COMMAND_PHASE: &str = "BUILD";

/// The phases before it, in CodeBuild's order (user guide, `view-build-details-phases`).
const PHASES_BEFORE_COMMAND: [&str; 6] =
    ["SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD"];

/// The facts of CodeBuild that decisions depend on.
pub const CODEBUILD_PROFILE: ProviderProfile = ProviderProfile {
    name: "codebuild",
    // CodeBuild honours an idempotency token for 5 minutes (user guide, `run-build-cli`). One minute less, so that a
    // repeated call that is slow still falls into them.
    token_reuse_window: Duration::from_secs(4 * 60),
    // A paused worker can send within the token's lifetime and its own 10 s. How soon a listing shows a new build is
    // not documented.
    absence_confirmed_after: Duration::from_secs(16 * 60),
    lookback: Duration::from_secs(5 * 60),
    // Default and maximum of a build project's queue timeout (user guide, `limits`).
    max_queue_time: Duration::from_secs(8 * 60 * 60),
    queued_phases: &["SUBMITTED", "QUEUED"],
    max_describe_batch: MAX_DESCRIBE_BATCH,
};

impl CodeBuildProvider {
    /// The provider, which recognizes the builds of this initiator as its own.
    pub fn new(sdk: &SdkConfig, clock: &AwsClock, initiator: Initiator) -> Self {
        let config = aws_sdk_codebuild::config::Builder::from(sdk).interceptor(clock.clone()).build();
        Self { client: Client::from_conf(config), initiator }
    }

    fn describe_build(&self, build: Build) -> Option<ProviderBuild> {
        let variables =
            build.environment.as_ref().map(|environment| environment.environment_variables()).unwrap_or_default();
        let job_id =
            variables.iter().find(|variable| variable.name() == JOB_ID).map(|variable| variable.value().to_owned());
        let state = build_state(&build);
        let reached_command = reached_command(&build);
        Some(ProviderBuild {
            id: BuildId::new(build.id?),
            number: build.build_number,
            job_id,
            is_own: build.initiator.as_ref().is_some_and(|shown| self.initiator.matches(shown)),
            state,
            reached_command,
            started_at: build.start_time.and_then(time),
            ended_at: build.end_time.and_then(time),
            log_url: build.logs.and_then(|logs| logs.deep_link).map(|url| foreign_words(&url)),
        })
    }
}

impl BuildProvider for CodeBuildProvider {
    fn profile(&self) -> ProviderProfile {
        CODEBUILD_PROFILE
    }

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
            .client
            .start_build()
            .project_name(spec.target.as_str())
            .idempotency_token(token)
            .set_timeout_in_minutes_override((!spec.pinned).then_some(timeout))
            .set_environment_variables_override(Some(variables))
            .customize()
            .config_override(single_attempt)
            .send()
            .await;
        match answer {
            Ok(answer) => match answer.build_value.and_then(|build| self.describe_build(build)) {
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
            let call = self.client.list_builds_for_project().project_name(query.target.as_str()).set_next_token(page);
            let answer = call.send().await.map_err(|error| port_error("ListBuildsForProject", error))?;
            let ids: Vec<BuildId> = answer.ids().iter().map(BuildId::new).collect();
            for chunk in ids.chunks(MAX_DESCRIBE_BATCH) {
                found.extend(self.describe(chunk).await.map_err(|error| PortError(error.to_string()))?);
            }
            let past_it = found.iter().any(|build| build.started_at.is_some_and(|at| at < query.not_before));
            page = answer.next_token.filter(|_| !past_it && !ids.is_empty());
            if page.is_none() {
                return Ok(found);
            }
        }
    }

    async fn describe(&self, ids: &[BuildId]) -> Result<Vec<ProviderBuild>, DescribeError> {
        let call = self.client.batch_get_builds().set_ids(Some(ids.iter().map(ToString::to_string).collect()));
        let answer = call.send().await.map_err(|error| {
            // IAM decides for the whole call, and so does the check of the ids' form.
            let is_refused = matches!(error.code(), Some("AccessDeniedException" | "InvalidInputException"));
            let error = port_error("BatchGetBuilds", error);
            if is_refused { DescribeError::Refused(error.0) } else { DescribeError::Port(error) }
        })?;
        Ok(answer.builds.unwrap_or_default().into_iter().filter_map(|build| self.describe_build(build)).collect())
    }

    async fn stop(&self, id: &BuildId) -> Result<(), PortError> {
        match self.client.stop_build().id(id.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(()),
            Err(error) => Err(port_error(&format!("StopBuild {id}"), error)),
        }
    }
}

fn variable(variable: &BuildVariable) -> Result<EnvironmentVariable, aws_smithy_types::error::operation::BuildError> {
    let kind = match variable.kind {
        BuildVariableKind::Plaintext => EnvironmentVariableType::Plaintext,
        BuildVariableKind::Document => EnvironmentVariableType::ParameterStore,
        BuildVariableKind::Secret => EnvironmentVariableType::SecretsManager,
    };
    EnvironmentVariable::builder().name(&variable.name).value(&variable.value).r#type(kind).build()
}

/// The state of a build. A status that is not known here is no end until CodeBuild says that the build is complete.
fn build_state(build: &Build) -> BuildState {
    if !build.build_complete {
        return match build.current_phase.as_deref() {
            Some(phase) if CODEBUILD_PROFILE.queued_phases.contains(&phase) => BuildState::Queued,
            _ => BuildState::Running,
        };
    }
    let stage = build.phases().iter().find_map(failed_phase);
    let status = build.build_status.as_ref().map(|status| status.as_str()).unwrap_or_default();
    BuildState::Ended(match status {
        "SUCCEEDED" => BuildOutcome::Success,
        "FAILED" => failure(stage),
        "STOPPED" => BuildOutcome::Canceled,
        "TIMED_OUT" => BuildOutcome::TimedOut,
        "FAULT" => BuildOutcome::InfrastructureFailed(stage),
        other => BuildOutcome::Unknown { status: foreign_words(other) },
    })
}

/// Whether a build came to the phase that runs the command.
///
/// It certainly did not where an earlier phase failed and that phase is not listed. Nothing else is certain.
fn reached_command(build: &Build) -> Option<bool> {
    if build.phases().iter().any(|phase| phase.phase_type().is_some_and(|phase| phase.as_str() == COMMAND_PHASE)) {
        return Some(true);
    }
    let failed = build.phases().iter().find_map(failed_phase)?;
    PHASES_BEFORE_COMMAND.contains(&failed.name.as_str()).then_some(false)
}

fn failure(stage: Option<FailedStage>) -> BuildOutcome {
    match stage.as_ref().filter(|stage| stage.name == COMMAND_PHASE).and_then(|stage| exit_code(&stage.message)) {
        Some(code) => BuildOutcome::from_exit_code(code),
        None => BuildOutcome::FailedOutsideCommand(stage),
    }
}

/// CodeBuild shows the exit code of a command only at the end of a phase's message: `… exit status 3`.
fn exit_code(message: &str) -> Option<i32> {
    let (_, rest) = message.rsplit_once("exit status ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
    digits.parse().ok()
}

fn failed_phase(phase: &aws_sdk_codebuild::types::BuildPhase) -> Option<FailedStage> {
    let status = phase.phase_status()?.as_str();
    if matches!(status, "SUCCEEDED" | "IN_PROGRESS" | "QUEUED") {
        return None;
    }
    let message = phase.contexts().iter().find_map(|context| context.message()).unwrap_or(status);
    Some(FailedStage { name: phase.phase_type()?.as_str().to_owned(), message: foreign_words(message) })
}

fn time(at: aws_smithy_types::DateTime) -> Option<Timestamp> {
    at.to_millis().ok().map(Timestamp::from_millis)
}
