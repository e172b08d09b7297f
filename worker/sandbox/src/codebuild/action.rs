//! The calls that are understood, each with what it asks for and what IAM is asked about it.
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::listing::ListBuilds;
use super::project::Project;
use super::refusal::Refusal;
use super::site::Site;
use crate::credentials::Key;

/// Ids or names in one call (CodeBuild's API reference).
const BATCH: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    CreateProject,
    UpdateProject,
    BatchGetProjects,
    DeleteProject,
    StartBuild,
    StopBuild,
    BatchGetBuilds,
    ListBuildsForProject,
}

impl Action {
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

    /// The projects that the caller needs a permission for: CodeBuild has none on single builds.
    pub(super) fn projects(self, input: &Value) -> BTreeSet<String> {
        let of_build = |id: &str| id.split(':').next().unwrap_or_default().to_owned();
        let text = |name: &str| name_of(input[name].as_str().unwrap_or_default());
        let texts = |name: &str| input[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        match self {
            Self::CreateProject | Self::UpdateProject | Self::DeleteProject => [text("name").to_owned()].into(),
            Self::StartBuild | Self::ListBuildsForProject => [text("projectName").to_owned()].into(),
            Self::StopBuild => [of_build(text("id"))].into(),
            Self::BatchGetBuilds => texts("ids").map(of_build).collect(),
            Self::BatchGetProjects => texts("names").map(|name| name_of(name).to_owned()).collect(),
        }
    }

    /// The condition keys that a call fills. Of StartBuild's overrides all but the variables and the timeouts are
    /// refused before anybody asks, and for the timeouts IAM has no key.
    pub(super) fn context(self, input: &Value) -> Vec<(&'static str, Vec<String>)> {
        let variables = input["environmentVariablesOverride"].as_array().filter(|_| self == Self::StartBuild);
        let names = variables.into_iter().flatten().filter_map(|variable| variable["name"].as_str());
        let names: Vec<String> = names.map(str::to_owned).collect();
        if names.is_empty() { Vec::new() } else { vec![("codebuild:environment.environmentVariables.name", names)] }
    }

    /// Does it. Everything here happens at once, under the books' lock.
    pub(super) fn execute(self, site: &Arc<Site>, input: Value, caller: &Key) -> Result<Value, Refusal> {
        match self {
            Self::CreateProject => create_project(site, read(input)?),
            Self::UpdateProject => update_project(site, input),
            Self::BatchGetProjects => batch_get_projects(site, &read(input)?),
            Self::DeleteProject => delete_project(site, &read(input)?),
            Self::StartBuild => site.start_build(&read(input)?, &caller.initiator),
            Self::StopBuild => stop_build(site, &read(input)?),
            Self::BatchGetBuilds => batch_get_builds(site, &read(input)?),
            Self::ListBuildsForProject => {
                let call: ListBuilds = read(input)?;
                site.books().list_builds(&call, Timestamp::now())
            }
        }
    }
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Names {
    names: Vec<String>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<String>,
}

/// Where a project is named, its ARN is as good.
fn name_of(name_or_arn: &str) -> &str {
    name_or_arn.rsplit_once(":project/").map_or(name_or_arn, |(_, name)| name)
}

/// Names the field that is wrong, missing, or not implemented here.
fn read<T: DeserializeOwned>(input: Value) -> Result<T, Refusal> {
    serde_json::from_value(input).map_err(|error| Refusal::invalid_input(format!("this sandbox's CodeBuild: {error}")))
}

fn create_project(site: &Site, project: Project) -> Result<Value, Refusal> {
    let arn = site.project_arn(&project.name);
    let mut books = site.books();
    let entry = books.create_project(project, Timestamp::now())?;
    Ok(json!({"project": entry.show(&arn)}))
}

/// What the call does not name stays as it is.
fn update_project(site: &Site, input: Value) -> Result<Value, Refusal> {
    let Name { name } = read(input.clone())?;
    let arn = site.project_arn(&name);
    let mut books = site.books();
    let mut merged = json!(books.project(&name)?.project);
    if let (Some(known), Value::Object(changes)) = (merged.as_object_mut(), input) {
        known.extend(changes);
    }
    let entry = books.update_project(read(merged)?, Timestamp::now())?;
    Ok(json!({"project": entry.show(&arn)}))
}

fn batch_get_projects(site: &Site, call: &Names) -> Result<Value, Refusal> {
    check_batch(call.names.len())?;
    let books = site.books();
    let (found, missing): (Vec<_>, Vec<_>) = call.names.iter().partition(|name| books.project(name_of(name)).is_ok());
    let shown = |name: &&String| {
        let name = name_of(name);
        books.project(name).ok().map(|entry| entry.show(&site.project_arn(name)))
    };
    Ok(json!({"projects": found.iter().filter_map(shown).collect::<Vec<_>>(), "projectsNotFound": missing}))
}

fn delete_project(site: &Site, call: &Name) -> Result<Value, Refusal> {
    site.books().delete_project(name_of(&call.name));
    Ok(json!({}))
}

/// Asks the build to stop, and shows it as it is until it has. Stopping what has ended changes nothing.
fn stop_build(site: &Site, call: &Id) -> Result<Value, Refusal> {
    let books = site.books();
    let build = books.build(&call.id)?;
    build.stop.cancel();
    Ok(json!({"build": build.show(&site.place())}))
}

fn batch_get_builds(site: &Site, call: &Ids) -> Result<Value, Refusal> {
    check_batch(call.ids.len())?;
    let (books, place) = (site.books(), site.place());
    let (found, missing): (Vec<_>, Vec<_>) = call.ids.iter().partition(|id| books.build(id).is_ok());
    let shown = |id: &&String| books.build(id).ok().map(|build| build.show(&place));
    Ok(json!({"builds": found.iter().filter_map(shown).collect::<Vec<_>>(), "buildsNotFound": missing}))
}

fn check_batch(length: usize) -> Result<(), Refusal> {
    if (1..=BATCH).contains(&length) {
        return Ok(());
    }
    Err(Refusal::invalid_input(format!("Invalid number of elements: {length} is not between 1 and {BATCH}")))
}
