//! Builds that run no process: they end by themselves after a time, for measurements of what starts them.
//!
//! Build documents, events, tokens and the check of StartBuild's input are those of the simulator. Every look-up takes
//! constant time, so that a hundred thousand builds can be measured.
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::build::{AwsLocation, NewBuild, SimulatedBuild};
use super::error::CodeBuildError;
use super::event;
use super::phase::{PhaseKind, PhaseStatus};
use super::project::BuildProject;
use super::start_build::StartBuildInput;
use super::token::{IdempotencyTokens, TokenLookup};

/// The builds of one project, and its limits.
#[derive(Debug)]
pub(crate) struct InstantBuilds {
    project: BuildProject,
    location: AwsLocation,
    initiator: String,
    token_lifetime: Duration,
    concurrent_builds: Option<usize>,
    builds: HashMap<String, SimulatedBuild>,
    /// Oldest first.
    ids: Vec<String>,
    /// Builds that have not ended, oldest first.
    running: VecDeque<String>,
    tokens: IdempotencyTokens,
}

/// What a new project of instant builds is like.
#[derive(Debug, Clone)]
pub(crate) struct InstantBuildOptions {
    pub(crate) project: String,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) initiator: String,
    /// How long an idempotency token is remembered. AWS: 5 minutes.
    pub(crate) token_lifetime: Duration,
    /// StartBuild is refused beyond it.
    pub(crate) concurrent_builds: Option<usize>,
}

/// A build's start, or the repetition of one.
#[derive(Debug)]
pub(crate) struct StartedBuild {
    pub(crate) id: String,
    pub(crate) is_new: bool,
    /// The response's body.
    pub(crate) answer: Value,
    /// The state-change event, as an entry of PutEvents.
    pub(crate) event: Value,
}

/// Ids of one page of ListBuildsForProject.
const LIST_PAGE_SIZE: usize = 100;

impl InstantBuilds {
    /// # Errors
    /// The project's definition is not valid.
    pub(crate) fn new(options: InstantBuildOptions) -> anyhow::Result<Self> {
        let project: BuildProject = serde_json::from_value(json!({
            "name": options.project,
            "source": { "type": "NO_SOURCE", "buildspec": "version: 0.2" },
            "artifacts": { "type": "NO_ARTIFACTS" },
            "environment": {
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/standard:7.0",
                "computeType": "BUILD_GENERAL1_SMALL",
            },
            "serviceRole": format!("arn:aws:iam::{}:role/doorbell-build", options.account),
        }))?;
        let location = AwsLocation {
            url: format!("https://{}.console.aws.amazon.com", options.region),
            region: options.region,
            account: options.account,
        };
        Ok(Self {
            project,
            location,
            initiator: options.initiator,
            token_lifetime: options.token_lifetime,
            concurrent_builds: options.concurrent_builds,
            builds: HashMap::new(),
            ids: Vec::new(),
            running: VecDeque::new(),
            tokens: IdempotencyTokens::default(),
        })
    }

    /// StartBuild.
    ///
    /// # Errors
    /// As CodeBuild's: an invalid input, a limit, or a token with other parameters.
    pub(crate) fn start(&mut self, input: &[u8], now: Timestamp) -> Result<StartedBuild, CodeBuildError> {
        let call: StartBuildInput = serde_json::from_slice(input)
            .map_err(|error| CodeBuildError::invalid_input(format!("cannot be parsed: {error}")))?;
        call.validate()?;
        if call.project_name != self.project.name {
            return Err(CodeBuildError::not_found(format!("Project cannot be found: {}", call.project_name)));
        }
        match self.tokens.look_up(&call, self.token_lifetime, now) {
            TokenLookup::Same(result) => return self.started(&result?, false, now),
            TokenLookup::Mismatch => {
                return Err(CodeBuildError::invalid_input("idempotent parameter mismatch of the idempotency token"));
            }
            TokenLookup::Unknown => {}
        }
        if let Some(limit) = self.concurrent_builds.filter(|limit| self.running.len() >= *limit) {
            let message = format!("Cannot have more than {limit} builds in queue for the account");
            return Err(CodeBuildError::limit_exceeded(message));
        }
        let id = self.create(&call, now);
        self.tokens.record(&call, Ok(id.clone()), now);
        self.started(&id, true, now)
    }

    fn create(&mut self, call: &StartBuildInput, now: Timestamp) -> String {
        let number = self.ids.len() as u64 + 1;
        let new_build = NewBuild {
            project: &self.project,
            variables: call.environment_variables_override.clone(),
            timeout_minutes: call.timeout_in_minutes_override.unwrap_or(self.project.timeout_in_minutes),
            queued_minutes: call.queued_timeout_in_minutes_override.unwrap_or(self.project.queued_timeout_in_minutes),
            uuid: format!("00000000-0000-4000-8000-{number:012x}"),
            number,
            initiator: self.initiator.clone(),
        };
        let mut build = SimulatedBuild::new(new_build, &self.location, now);
        for phase in [PhaseKind::Queued, PhaseKind::Provisioning, PhaseKind::Build] {
            build.end(PhaseStatus::Succeeded, None, now);
            build.begin(phase, now);
        }
        build.running = true;
        let id = build.id.clone();
        self.ids.push(id.clone());
        self.running.push_back(id.clone());
        self.builds.insert(id.clone(), build);
        id
    }

    fn started(&self, id: &str, is_new: bool, now: Timestamp) -> Result<StartedBuild, CodeBuildError> {
        let build = self.builds.get(id).ok_or_else(|| CodeBuildError::not_found(format!("no build {id}")))?;
        Ok(StartedBuild {
            id: id.to_owned(),
            is_new,
            answer: json!({ "build": build.to_json(&self.location) }),
            event: event::state_change(build, &self.location, now),
        })
    }

    /// Ends a build with success and returns its event; none if it has ended before.
    pub(crate) fn finish(&mut self, id: &str, now: Timestamp) -> Option<Value> {
        self.end(id, PhaseStatus::Succeeded, now)
    }

    fn end(&mut self, id: &str, status: PhaseStatus, now: Timestamp) -> Option<Value> {
        let build = self.builds.get_mut(id).filter(|build| build.ended.is_none())?;
        build.end(status, None, now);
        build.begin(PhaseKind::Finalizing, now);
        build.end(PhaseStatus::Succeeded, None, now);
        build.complete(now);
        // The oldest is nearly always the one that ends.
        if let Some(place) = self.running.iter().position(|running| running == id) {
            self.running.remove(place);
        }
        let build = self.builds.get(id)?;
        Some(event::state_change(build, &self.location, now))
    }

    /// BatchGetBuilds.
    ///
    /// # Errors
    /// The input cannot be parsed.
    pub(crate) fn describe(&self, input: &[u8]) -> Result<Value, CodeBuildError> {
        let input: Value = serde_json::from_slice(input)
            .map_err(|error| CodeBuildError::invalid_input(format!("cannot be parsed: {error}")))?;
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for id in input["ids"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            // As on AWS, an ARN is an id, too.
            let short = id.rsplit_once("build/").map_or(id, |(_, short)| short);
            match self.builds.get(short) {
                Some(build) => found.push(build.to_json(&self.location)),
                None => missing.push(json!(id)),
            }
        }
        Ok(json!({ "builds": found, "buildsNotFound": missing }))
    }

    /// ListBuildsForProject, newest first.
    pub(crate) fn list(&self, input: &Value) -> Value {
        let skipped = input["nextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0);
        let page: Vec<&String> = self.ids.iter().rev().skip(skipped).take(LIST_PAGE_SIZE).collect();
        let next = skipped + page.len();
        match next < self.ids.len() {
            true => json!({ "ids": page, "nextToken": next.to_string() }),
            false => json!({ "ids": page }),
        }
    }

    /// StopBuild; the event is none if the build has ended before.
    ///
    /// # Errors
    /// There is no such build.
    pub(crate) fn stop(&mut self, id: &str, now: Timestamp) -> Result<(Value, Option<Value>), CodeBuildError> {
        let event = self.end(id, PhaseStatus::Stopped, now);
        let build =
            self.builds.get(id).ok_or_else(|| CodeBuildError::not_found(format!("Build {id} does not exist")))?;
        Ok((json!({ "build": build.to_json(&self.location) }), event))
    }

    /// A variable of a build.
    pub(crate) fn variable(&self, id: &str, name: &str) -> Option<&str> {
        self.builds.get(id)?.variable(name)
    }

    /// The builds that have not ended, oldest first.
    pub(crate) fn running(&self) -> Vec<String> {
        self.running.iter().cloned().collect()
    }
}
