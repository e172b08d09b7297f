//! Everything that this CodeBuild knows, changed by pure functions: no clock, no network, no process.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::build::{Build, Order, Place};
use super::options::{Queue, Settings};
use super::project::Project;
use super::refusal::Refusal;
use super::start_build::StartBuild;
use super::token::{Seen, Tokens};
use super::variable;

/// Builds that may wait, as a multiple of those that may run (CodeBuild's guide, "builds in CodeBuild").
const QUEUE_FACTOR: usize = 5;

#[derive(Debug)]
pub(super) struct Books {
    pub(super) settings: Settings,
    projects: BTreeMap<String, Entry>,
    /// Oldest first.
    builds: Vec<Build>,
    tokens: Tokens,
    pub(super) calls: BTreeMap<String, u64>,
    /// Principals, and the permissions that they have made use of.
    pub(super) used: BTreeSet<(String, String)>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) project: Project,
    created: Timestamp,
    modified: Timestamp,
    last_build: u64,
}

impl Entry {
    pub(super) fn show(&self, arn: &str) -> Value {
        self.project.show(arn, self.created, self.modified)
    }
}

/// What StartBuild led to.
#[derive(Debug)]
pub(super) enum Started {
    /// A build that has to be run now.
    New(Build),
    /// The build of an earlier call with the same token.
    Known(Build),
}

impl Books {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            projects: BTreeMap::new(),
            builds: Vec::new(),
            tokens: Tokens::default(),
            calls: BTreeMap::new(),
            used: BTreeSet::new(),
        }
    }

    pub(super) fn builds(&self) -> &[Build] {
        &self.builds
    }

    pub(super) fn project(&self, name: &str) -> Result<&Entry, Refusal> {
        self.projects.get(name).ok_or_else(|| no_project(name))
    }

    pub(super) fn create_project(&mut self, project: Project, now: Timestamp) -> Result<&Entry, Refusal> {
        project.check()?;
        if self.projects.contains_key(&project.name) {
            let message = format!("Project already exists: {}", project.name);
            return Err(Refusal::new("ResourceAlreadyExistsException", message));
        }
        let entry = Entry { project, created: now, modified: now, last_build: 0 };
        Ok(self.projects.entry(entry.project.name.clone()).or_insert(entry))
    }

    pub(super) fn update_project(&mut self, project: Project, now: Timestamp) -> Result<&Entry, Refusal> {
        project.check()?;
        let entry = self.projects.get_mut(&project.name).ok_or_else(|| no_project(&project.name))?;
        entry.project = project;
        entry.modified = now;
        Ok(entry)
    }

    /// Deleting what is not there succeeds, as on AWS. Its builds are kept.
    pub(super) fn delete_project(&mut self, name: &str) {
        self.projects.remove(name);
    }

    /// Decides about a StartBuild. `uuid` is taken if a build comes of it.
    pub(super) fn start(
        &mut self,
        call: &StartBuild,
        initiator: &str,
        uuid: &str,
        place: &Place,
        now: Timestamp,
    ) -> Result<Started, Refusal> {
        call.check()?;
        self.project(&call.project_name)?;
        if self.settings.undocumented.limit_before_token {
            self.room_for(&call.project_name)?;
        }
        match self.tokens.look_up(call, self.settings.token_life, now) {
            Seen::Before(answer) => return answer.and_then(|id| Ok(Started::Known(self.build(&id)?.clone()))),
            Seen::Elsewhere => return Err(self.mismatch()),
            Seen::Never => {}
        }
        if let Err(refusal) = self.room_for(&call.project_name) {
            if self.settings.undocumented.refusal_takes_token {
                self.tokens.remember(call, Err(refusal.clone()), now);
            }
            return Err(refusal);
        }
        let build = self.new_build(call, initiator, uuid, place, now)?;
        self.tokens.remember(call, Ok(build.id.clone()), now);
        self.builds.push(build.clone());
        Ok(Started::New(build))
    }

    fn mismatch(&self) -> Refusal {
        let message = "Idempotency token was already used with different parameters (idempotent parameter mismatch)";
        Refusal::new(self.settings.undocumented.mismatch_error.clone(), message)
    }

    fn new_build(
        &mut self,
        call: &StartBuild,
        initiator: &str,
        uuid: &str,
        place: &Place,
        now: Timestamp,
    ) -> Result<Build, Refusal> {
        let entry = self.projects.get_mut(&call.project_name).ok_or_else(|| no_project(&call.project_name))?;
        entry.last_build += 1;
        let project = &entry.project;
        let order = Order {
            variables: variable::overlaid(
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
        Ok(Build::new(order, place, now))
    }

    /// A project with a limit of its own is refused at once; the others wait in the account's queue.
    fn room_for(&self, project: &str) -> Result<(), Refusal> {
        let limit = self.settings.account_limit;
        let unfinished = || self.builds.iter().filter(|build| build.ended.is_none());
        let may_wait = match self.project(project)?.project.concurrent_build_limit {
            Some(own) if unfinished().filter(|build| build.project == project).count() >= own => {
                let message = format!("Cannot have more than {own} builds in progress for project {project}");
                return Err(Refusal::at_limit(message));
            }
            None if self.settings.queue == Queue::FiveTimesTheLimit => QUEUE_FACTOR * limit,
            Some(_) | None => 0,
        };
        if unfinished().count() >= limit + may_wait {
            let message = format!("Cannot have more than {} builds in queue for the account", limit + may_wait);
            return Err(Refusal::at_limit(message));
        }
        Ok(())
    }

    pub(super) fn build(&self, id: &str) -> Result<&Build, Refusal> {
        let missing = || Refusal::not_found(format!("Build {id} does not exist"));
        self.builds.iter().rfind(|build| build.id == id && !build.forgotten).ok_or_else(missing)
    }

    /// Changes a build, even one that the API has forgotten: it still runs.
    pub(super) fn change<T>(&mut self, id: &str, change: impl FnOnce(&mut Build) -> T) -> Option<T> {
        self.builds.iter_mut().rfind(|build| build.id == id).map(change)
    }

    /// Takes a build out of the queue if it may run now.
    pub(super) fn take_place(&mut self, id: &str) -> bool {
        let running = self.builds.iter().filter(|build| build.running).count();
        if running >= self.settings.account_limit {
            return false;
        }
        self.change(id, |build| build.running = true).is_some()
    }

    pub(super) fn expire_tokens(&mut self) {
        self.tokens.expire();
    }

    pub(super) fn age_tokens(&mut self, by: Duration) {
        self.tokens.age(by);
    }
}

fn no_project(name: &str) -> Refusal {
    Refusal::not_found(format!("Project cannot be found: {name}"))
}

#[cfg(test)]
pub(super) mod tests;
