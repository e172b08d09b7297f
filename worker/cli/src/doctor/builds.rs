use std::collections::BTreeMap;

use aws_sdk_codebuild::types::Project;
use doorbell_adapters::aws::aws_error;

use super::check::{Check, check_from_problems};
use super::registry::BuildProjectNeeds;
use super::rules::NamePattern;
use super::{DoctorContext, pinned, roles, rules};

/// The existing build projects among those that documents name.
///
/// # Errors
/// BatchGetProjects failed, as a check.
pub(super) async fn find_projects(
    context: &DoctorContext<'_>,
    needs: &BTreeMap<String, BuildProjectNeeds>,
) -> Result<Vec<Project>, Check> {
    if needs.is_empty() {
        return Ok(Vec::new());
    }
    let client = aws_sdk_codebuild::Client::new(context.account.sdk());
    let answer = client.batch_get_projects().set_names(Some(needs.keys().cloned().collect())).send().await;
    let answer = answer.map_err(|error| aws_error("BatchGetProjects", error));
    let answer =
        answer.map_err(|error| Check::query_failed("build-projects", &error, "`aws codebuild list-projects`"))?;
    Ok(answer.projects.unwrap_or_default())
}

/// Checks the build projects that documents name, and their roles.
pub(super) async fn check(
    context: &DoctorContext<'_>,
    needs: &BTreeMap<String, BuildProjectNeeds>,
    found: &Result<Vec<Project>, Check>,
) -> Vec<Check> {
    let projects = match found {
        Ok(projects) => projects,
        Err(check) => return vec![check.clone()],
    };
    let subscribed = rules::subscribed_projects(context).await;
    let each = needs.iter().map(|(name, needs)| {
        let project = projects.iter().find(|project| project.name() == Some(name));
        let subscribed = subscribed.as_deref();
        async move {
            match project {
                Some(project) => {
                    let own = vec![
                        evaluate_project(name, project, subscribed),
                        roles::check(context, name, project, needs).await,
                    ];
                    [own, pinned::check(name, project, needs)].concat()
                }
                None => vec![Check::failure(
                    format!("build-project-{name}"),
                    "a document names it, but CodeBuild has no such project; its jobs wait and end in an error",
                    "aws codebuild list-projects; then fix buildProject in the document",
                )],
            }
        }
    });
    futures_util::future::join_all(each).await.concat()
}

fn evaluate_project(name: &str, project: &Project, subscribed: Option<&[NamePattern]>) -> Check {
    let mut problems = Vec::new();
    if subscribed
        .is_some_and(|subscribed| !subscribed.is_empty() && !subscribed.iter().any(|pattern| pattern.matches(name)))
    {
        problems.push("no rule forwards its events; results come late, by polling only".to_owned());
    }
    let buildspec = project.source().and_then(|source| source.buildspec()).unwrap_or_default();
    if !buildspec.contains("doorbell-runner") {
        problems.push("its buildspec does not run doorbell-runner".to_owned());
    }
    let fix = format!("aws codebuild batch-get-projects --names {name}; aws events put-rule with it in project-name");
    check_from_problems(
        &format!("build-project-{name}"),
        &problems,
        "it exists, runs the runner, and its events are forwarded",
        fix,
    )
}
