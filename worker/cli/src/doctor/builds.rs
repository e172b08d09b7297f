use std::collections::BTreeMap;

use aws_sdk_codebuild::types::Project;
use doorbell_worker::call_failed;

use super::check::{Check, judged};
use super::registry::Wanted;
use super::{Patient, roles, rules};

/// Those of the build projects that documents name which exist.
///
/// # Errors
/// CodeBuild can't be asked: a check that says so.
pub(super) async fn find(patient: &Patient<'_>, wanted: &BTreeMap<String, Wanted>) -> Result<Vec<Project>, Check> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let client = aws_sdk_codebuild::Client::new(patient.account.sdk());
    let answer = client.batch_get_projects().set_names(Some(wanted.keys().cloned().collect())).send().await;
    let answer = answer.map_err(|error| call_failed("BatchGetProjects", error));
    let answer =
        answer.map_err(|failed| Check::unanswered("build-projects", &failed, "`aws codebuild list-projects`"))?;
    Ok(answer.projects.unwrap_or_default())
}

/// The build projects that documents name, and what their roles may read.
pub(super) async fn check(
    patient: &Patient<'_>,
    wanted: &BTreeMap<String, Wanted>,
    found: &Result<Vec<Project>, Check>,
) -> Vec<Check> {
    let projects = match found {
        Ok(projects) => projects,
        Err(check) => return vec![check.clone()],
    };
    let heard = rules::heard_projects(patient).await;
    let each = wanted.iter().map(|(name, wanted)| {
        let project = projects.iter().find(|project| project.name() == Some(name));
        let heard = heard.as_deref();
        async move {
            match project {
                Some(project) => {
                    vec![judge(name, project, heard), roles::check(patient, name, project, wanted).await]
                }
                None => vec![Check::failure(
                    format!("build-project-{name}"),
                    "a document names it, and CodeBuild has no such project: its jobs wait, and end as errors",
                    "aws codebuild list-projects; then mend buildProject in the document",
                )],
            }
        }
    });
    futures_util::future::join_all(each).await.concat()
}

fn judge(name: &str, project: &Project, heard: Option<&[String]>) -> Check {
    let mut problems = Vec::new();
    if heard.is_some_and(|heard| !heard.is_empty() && !heard.iter().any(|one| one == name)) {
        problems.push("no rule brings its events: results come late, by looking only".to_owned());
    }
    let buildspec = project.source().and_then(|source| source.buildspec()).unwrap_or_default();
    if !buildspec.contains("doorbell-runner") {
        problems.push("its buildspec does not run doorbell-runner".to_owned());
    }
    let mend = format!("aws codebuild batch-get-projects --names {name}; aws events put-rule with it in project-name");
    judged(&format!("build-project-{name}"), &problems, "it exists, runs the runner, and its events arrive", mend)
}
