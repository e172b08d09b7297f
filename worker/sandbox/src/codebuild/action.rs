//! The supported API actions: their input, the permissions that they need, and their execution.
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::CodeBuildError;
use super::listing::ListBuildsInput;
use super::project::BuildProject;
use super::simulator::CodeBuildSimulator;
use super::start_build_override::condition_keys;
use crate::credentials::AccessKey;

/// Ids or names per call (CodeBuild's API reference).
const MAX_BATCH_SIZE: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ApiAction {
    CreateProject,
    UpdateProject,
    BatchGetProjects,
    DeleteProject,
    StartBuild,
    StopBuild,
    BatchGetBuilds,
    ListBuildsForProject,
}

impl ApiAction {
    const ALL: [Self; 8] = [
        Self::CreateProject,
        Self::UpdateProject,
        Self::BatchGetProjects,
        Self::DeleteProject,
        Self::StartBuild,
        Self::StopBuild,
        Self::BatchGetBuilds,
        Self::ListBuildsForProject,
    ];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CreateProject => "CreateProject",
            Self::UpdateProject => "UpdateProject",
            Self::BatchGetProjects => "BatchGetProjects",
            Self::DeleteProject => "DeleteProject",
            Self::StartBuild => "StartBuild",
            Self::StopBuild => "StopBuild",
            Self::BatchGetBuilds => "BatchGetBuilds",
            Self::ListBuildsForProject => "ListBuildsForProject",
        }
    }

    /// The projects that the caller needs a permission on: CodeBuild has no permissions on single builds.
    pub(super) fn projects(self, input: &Value) -> BTreeSet<String> {
        let of_build = |id: &str| id.split(':').next().unwrap_or_default().to_owned();
        let text = |name: &str| project_name(input[name].as_str().unwrap_or_default());
        let texts = |name: &str| input[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        match self {
            Self::CreateProject | Self::UpdateProject | Self::DeleteProject => [text("name").to_owned()].into(),
            Self::StartBuild | Self::ListBuildsForProject => [text("projectName").to_owned()].into(),
            Self::StopBuild => [of_build(text("id"))].into(),
            Self::BatchGetBuilds => texts("ids").map(of_build).collect(),
            Self::BatchGetProjects => texts("names").map(|name| project_name(name).to_owned()).collect(),
        }
    }

    /// The condition keys of a call: those of StartBuild's overrides and variables.
    pub(super) fn context(self, input: &Value) -> Vec<(String, Vec<String>)> {
        if self != Self::StartBuild {
            return Vec::new();
        }
        let variables = input["environmentVariablesOverride"].as_array().into_iter().flatten();
        let names: Vec<String> =
            variables.filter_map(|variable| variable["name"].as_str()).map(str::to_owned).collect();
        let names = (!names.is_empty()).then(|| ("codebuild:environment.environmentVariables.name".to_owned(), names));
        condition_keys(input).into_iter().chain(names).collect()
    }

    /// Executes the call, at once and under the state's lock.
    pub(super) fn execute(
        self,
        simulator: &Arc<CodeBuildSimulator>,
        input: Value,
        caller: &AccessKey,
    ) -> Result<Value, CodeBuildError> {
        match self {
            Self::CreateProject => create_project(simulator, parse_input(input)?),
            Self::UpdateProject => update_project(simulator, input),
            Self::BatchGetProjects => batch_get_projects(simulator, &parse_input(input)?),
            Self::DeleteProject => delete_project(simulator, &parse_input(input)?),
            Self::StartBuild => simulator.start_build(&parse_input(input)?, &caller.initiator),
            Self::StopBuild => stop_build(simulator, &parse_input(input)?),
            Self::BatchGetBuilds => batch_get_builds(simulator, &parse_input(input)?),
            Self::ListBuildsForProject => {
                let call: ListBuildsInput = parse_input(input)?;
                simulator.state().list_builds(&call, Timestamp::now())
            }
        }
    }
}

#[derive(Deserialize)]
struct NameInput {
    name: String,
}

#[derive(Deserialize)]
struct NamesInput {
    names: Vec<String>,
}

#[derive(Deserialize)]
struct IdInput {
    id: String,
}

#[derive(Deserialize)]
struct IdsInput {
    ids: Vec<String>,
}

/// Accepts a project's ARN in place of its name.
fn project_name(name_or_arn: &str) -> &str {
    name_or_arn.rsplit_once(":project/").map_or(name_or_arn, |(_, name)| name)
}

/// Parses the input; the error names a field that is invalid, missing or not supported here.
fn parse_input<T: DeserializeOwned>(input: Value) -> Result<T, CodeBuildError> {
    serde_json::from_value(input)
        .map_err(|error| CodeBuildError::invalid_input(format!("this sandbox's CodeBuild: {error}")))
}

fn create_project(simulator: &CodeBuildSimulator, project: BuildProject) -> Result<Value, CodeBuildError> {
    let arn = simulator.project_arn(&project.name);
    let mut state = simulator.state();
    let entry = state.create_project(project, Timestamp::now())?;
    Ok(json!({"project": entry.to_json(&arn)}))
}

/// Keeps the values of fields that the call does not name.
fn update_project(simulator: &CodeBuildSimulator, input: Value) -> Result<Value, CodeBuildError> {
    let NameInput { name } = parse_input(input.clone())?;
    let arn = simulator.project_arn(&name);
    let mut state = simulator.state();
    let mut merged = json!(state.project(&name)?.project);
    if let (Some(known), Value::Object(changes)) = (merged.as_object_mut(), input) {
        known.extend(changes);
    }
    let entry = state.update_project(parse_input(merged)?, Timestamp::now())?;
    Ok(json!({"project": entry.to_json(&arn)}))
}

fn batch_get_projects(simulator: &CodeBuildSimulator, call: &NamesInput) -> Result<Value, CodeBuildError> {
    check_batch(call.names.len())?;
    let state = simulator.state();
    let (found, missing): (Vec<_>, Vec<_>) =
        call.names.iter().partition(|name| state.project(project_name(name)).is_ok());
    let shown = |name: &&String| {
        let name = project_name(name);
        state.project(name).ok().map(|entry| entry.to_json(&simulator.project_arn(name)))
    };
    Ok(json!({"projects": found.iter().filter_map(shown).collect::<Vec<_>>(), "projectsNotFound": missing}))
}

fn delete_project(simulator: &CodeBuildSimulator, call: &NameInput) -> Result<Value, CodeBuildError> {
    simulator.state().delete_project(project_name(&call.name));
    Ok(json!({}))
}

/// Stops a build and returns it as it is before it has stopped. Stopping a completed build changes nothing.
fn stop_build(simulator: &CodeBuildSimulator, call: &IdInput) -> Result<Value, CodeBuildError> {
    let state = simulator.state();
    let build = state.build(&call.id)?;
    build.stop.cancel();
    Ok(json!({"build": build.to_json(&simulator.location())}))
}

fn batch_get_builds(simulator: &CodeBuildSimulator, call: &IdsInput) -> Result<Value, CodeBuildError> {
    check_batch(call.ids.len())?;
    let (state, location) = (simulator.state(), simulator.location());
    let (found, missing): (Vec<_>, Vec<_>) = call.ids.iter().partition(|id| state.build(id).is_ok());
    let shown = |id: &&String| state.build(id).ok().map(|build| build.to_json(&location));
    Ok(json!({"builds": found.iter().filter_map(shown).collect::<Vec<_>>(), "buildsNotFound": missing}))
}

fn check_batch(length: usize) -> Result<(), CodeBuildError> {
    if (1..=MAX_BATCH_SIZE).contains(&length) {
        return Ok(());
    }
    Err(CodeBuildError::invalid_input(format!(
        "Invalid number of elements: {length} is not between 1 and {MAX_BATCH_SIZE}"
    )))
}
