//! Compares the own environment of a build project with the documents that name it.
use std::collections::BTreeMap;

use aws_sdk_codebuild::types::Project;
use doorbell_messages::{PINNED, ProjectName};
use doorbell_registry::ProjectDocument;

use super::check::{Check, check_from_problems};
use super::registry::BuildProjectNeeds;

/// A check for each document that is pinned, or whose build project is.
pub(super) fn check(build_project: &str, project: &Project, needs: &BuildProjectNeeds) -> Vec<Check> {
    let variables = project.environment().map(|environment| environment.environment_variables()).unwrap_or_default();
    let own: BTreeMap<String, String> =
        variables.iter().map(|variable| (variable.name().to_owned(), variable.value().to_owned())).collect();
    let is_pinned = own.contains_key(PINNED);
    let affected = needs.documents.iter().filter(|(_, document)| document.pinned || is_pinned);
    affected.map(|(name, document)| check_document(build_project, &own, name, document)).collect()
}

fn check_document(
    build_project: &str,
    own: &BTreeMap<String, String>,
    name: &ProjectName,
    document: &ProjectDocument,
) -> Check {
    let problem = match (document.pinned, own.contains_key(PINNED)) {
        (true, false) => Some(format!(
            "its document is pinned, but the build project {build_project} is not: every build ends with 240"
        )),
        (false, true) => Some(format!(
            "the build project {build_project} is pinned, but its document is not: IAM denies every start"
        )),
        _ => {
            let differences = document.pinned_differences(name, own);
            (!differences.is_empty()).then(|| {
                format!(
                    "its document and the build project {build_project} differ in {}: builds follow the stricter of both",
                    differences.join(", ")
                )
            })
        }
    };
    let fix =
        format!("terraform apply; aws codebuild batch-get-projects --names {build_project} shows its environment");
    let problems: Vec<String> = problem.into_iter().collect();
    check_from_problems(&format!("pinned-{name}"), &problems, "its build project fixes what its document says", fix)
}
