//! The simulator's state, changed by pure functions: no clock, no network, no process.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::build::{AwsLocation, NewBuild, SimulatedBuild};
use super::error::CodeBuildError;
use super::options::{CodeBuildSettings, QueuePolicy};
use super::project::BuildProject;
use super::start_build::StartBuildInput;
use super::token::{IdempotencyTokens, TokenLookup};
use super::variable;

/// Builds that may wait, as a multiple of those that may run (CodeBuild's guide, "builds in CodeBuild").
const QUEUE_LIMIT_FACTOR: usize = 5;

#[derive(Debug)]
pub(super) struct CodeBuildState {
    pub(super) settings: CodeBuildSettings,
    projects: BTreeMap<String, ProjectRecord>,
    /// Oldest first.
    builds: Vec<SimulatedBuild>,
    tokens: IdempotencyTokens,
    pub(super) call_counts: BTreeMap<String, u64>,
    /// Principals, and the permissions that they have used.
    pub(super) used_actions: BTreeSet<(String, String)>,
}

#[derive(Debug)]
pub(super) struct ProjectRecord {
    pub(super) project: BuildProject,
    created: Timestamp,
    modified: Timestamp,
    last_build: u64,
}

impl ProjectRecord {
    pub(super) fn to_json(&self, arn: &str) -> Value {
        self.project.to_json(arn, self.created, self.modified)
    }
}

/// The result of StartBuild.
#[derive(Debug)]
pub(super) enum StartResult {
    /// A new build, to be run.
    New(SimulatedBuild),
    /// The build of an earlier call with the same token.
    Existing(SimulatedBuild),
}

impl CodeBuildState {
    pub(super) fn new(settings: CodeBuildSettings) -> Self {
        Self {
            settings,
            projects: BTreeMap::new(),
            builds: Vec::new(),
            tokens: IdempotencyTokens::default(),
            call_counts: BTreeMap::new(),
            used_actions: BTreeSet::new(),
        }
    }

    pub(super) fn builds(&self) -> &[SimulatedBuild] {
        &self.builds
    }

    pub(super) fn project(&self, name: &str) -> Result<&ProjectRecord, CodeBuildError> {
        self.projects.get(name).ok_or_else(|| project_not_found(name))
    }

    pub(super) fn create_project(
        &mut self,
        project: BuildProject,
        now: Timestamp,
    ) -> Result<&ProjectRecord, CodeBuildError> {
        project.validate()?;
        if self.projects.contains_key(&project.name) {
            let message = format!("Project already exists: {}", project.name);
            return Err(CodeBuildError::new("ResourceAlreadyExistsException", message));
        }
        let entry = ProjectRecord { project, created: now, modified: now, last_build: 0 };
        Ok(self.projects.entry(entry.project.name.clone()).or_insert(entry))
    }

    pub(super) fn update_project(
        &mut self,
        project: BuildProject,
        now: Timestamp,
    ) -> Result<&ProjectRecord, CodeBuildError> {
        project.validate()?;
        let entry = self.projects.get_mut(&project.name).ok_or_else(|| project_not_found(&project.name))?;
        entry.project = project;
        entry.modified = now;
        Ok(entry)
    }

    /// Deletes a project. Deleting an unknown one succeeds, as on AWS; its builds are kept.
    pub(super) fn delete_project(&mut self, name: &str) {
        self.projects.remove(name);
    }

    /// Decides about a StartBuild. `uuid` is used if it creates a build.
    pub(super) fn start(
        &mut self,
        call: &StartBuildInput,
        initiator: &str,
        uuid: &str,
        location: &AwsLocation,
        now: Timestamp,
    ) -> Result<StartResult, CodeBuildError> {
        call.validate()?;
        self.project(&call.project_name)?;
        if self.settings.undocumented.limit_before_token {
            self.check_limits(&call.project_name)?;
        }
        match self.tokens.look_up(call, self.settings.token_lifetime, now) {
            TokenLookup::Same(response) => {
                return response.and_then(|id| Ok(StartResult::Existing(self.build(&id)?.clone())));
            }
            TokenLookup::Mismatch => return Err(self.token_mismatch()),
            TokenLookup::Unknown => {}
        }
        if let Err(error) = self.check_limits(&call.project_name) {
            if self.settings.undocumented.refusal_consumes_token {
                self.tokens.record(call, Err(error.clone()), now);
            }
            return Err(error);
        }
        let build = self.new_build(call, initiator, uuid, location, now)?;
        self.tokens.record(call, Ok(build.id.clone()), now);
        self.builds.push(build.clone());
        Ok(StartResult::New(build))
    }

    fn token_mismatch(&self) -> CodeBuildError {
        let message = "Idempotency token was already used with different parameters (idempotent parameter mismatch)";
        CodeBuildError::new(self.settings.undocumented.mismatch_error.clone(), message)
    }

    fn new_build(
        &mut self,
        call: &StartBuildInput,
        initiator: &str,
        uuid: &str,
        location: &AwsLocation,
        now: Timestamp,
    ) -> Result<SimulatedBuild, CodeBuildError> {
        let entry = self.projects.get_mut(&call.project_name).ok_or_else(|| project_not_found(&call.project_name))?;
        entry.last_build += 1;
        let project = &entry.project;
        let new_build = NewBuild {
            variables: variable::overlay(
                &project.environment.environment_variables,
                &call.environment_variables_override,
            ),
            timeout_minutes: call.timeout_in_minutes_override.unwrap_or(project.timeout_in_minutes),
            queued_minutes: call.queued_timeout_in_minutes_override.unwrap_or(project.queued_timeout_in_minutes),
            uuid: uuid.to_owned(),
            number: entry.last_build,
            initiator: initiator.to_owned(),
            project,
        };
        Ok(SimulatedBuild::new(new_build, location, now))
    }

    /// Checks the limits: a project with a limit of its own is rejected at once, other builds wait in the account's
    /// queue.
    fn check_limits(&self, project: &str) -> Result<(), CodeBuildError> {
        let limit = self.settings.account_limit;
        let unfinished = || self.builds.iter().filter(|build| build.ended.is_none());
        let max_queued = match self.project(project)?.project.concurrent_build_limit {
            Some(project_limit) if unfinished().filter(|build| build.project == project).count() >= project_limit => {
                let message = format!("Cannot have more than {project_limit} builds in progress for project {project}");
                return Err(CodeBuildError::limit_exceeded(message));
            }
            None if self.settings.queue == QueuePolicy::FiveTimesLimit => QUEUE_LIMIT_FACTOR * limit,
            Some(_) | None => 0,
        };
        if unfinished().count() >= limit + max_queued {
            let message = format!("Cannot have more than {} builds in queue for the account", limit + max_queued);
            return Err(CodeBuildError::limit_exceeded(message));
        }
        Ok(())
    }

    pub(super) fn build(&self, id: &str) -> Result<&SimulatedBuild, CodeBuildError> {
        let missing = || CodeBuildError::not_found(format!("Build {id} does not exist"));
        self.builds.iter().rfind(|build| build.id == id && !build.forgotten).ok_or_else(missing)
    }

    /// Changes a build, even one that the API has forgotten: it still runs.
    pub(super) fn update_build<T>(&mut self, id: &str, change: impl FnOnce(&mut SimulatedBuild) -> T) -> Option<T> {
        self.builds.iter_mut().rfind(|build| build.id == id).map(change)
    }

    /// Takes a build out of the queue if it may run now.
    pub(super) fn try_start_running(&mut self, id: &str) -> bool {
        let running = self.builds.iter().filter(|build| build.running).count();
        if running >= self.settings.account_limit {
            return false;
        }
        self.update_build(id, |build| build.running = true).is_some()
    }

    pub(super) fn expire_tokens(&mut self) {
        self.tokens.expire();
    }

    pub(super) fn backdate_tokens(&mut self, by: Duration) {
        self.tokens.backdate(by);
    }
}

fn project_not_found(name: &str) -> CodeBuildError {
    CodeBuildError::not_found(format!("Project cannot be found: {name}"))
}

#[cfg(test)]
pub(super) mod tests;
