use super::ref_variables::RefVariables;
use super::{CiBuild, CiRef, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;

/// GitLab CI/CD.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let merge_request = environment.lookup("CI_MERGE_REQUEST_IID");
    let external = environment.lookup("CI_EXTERNAL_PULL_REQUEST_IID");
    let (commit, fork) = match (&merge_request, &external) {
        (Some(_), _) => (merge_request_head(environment), merge_request_fork(environment)),
        (None, Some(_)) => (
            HeadCommit::from_variable(environment.lookup("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA")),
            fork(
                environment,
                "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY",
                "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY",
            ),
        ),
        (None, None) => (HeadCommit::from_variable(environment.lookup("CI_COMMIT_SHA")), Fork::No),
    };
    let refs = RefVariables {
        full: None,
        pull_request: merge_request.or(external),
        tag: environment.lookup("CI_COMMIT_TAG"),
        // Servers before 12.6 have the second alone.
        branch: environment.first(&["CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME"]),
    };
    let (git_ref, notes) = refs.resolve("CI_COMMIT_BRANCH, CI_COMMIT_TAG and CI_COMMIT_REF_NAME are not set");
    CiBuild {
        project: environment.lookup("CI_PROJECT_PATH").map(|value| value.map(repository_name)),
        fork: unless_child_of_merge_request(environment, &git_ref, fork),
        git_ref,
        commit,
        url: environment.first(&["CI_JOB_URL", "CI_PIPELINE_URL"]),
        // The pipeline, not the job: a job that `retry:` starts again has a new id, as has one that a person retries.
        identity: environment.all(["CI_SERVER_URL", "CI_PIPELINE_ID"]),
        notes,
    }
}

/// In a merged-results pipeline and in a merge train CI_COMMIT_SHA is a merge commit; in others the first is empty.
fn merge_request_head(environment: EnvVars<'_>) -> HeadCommit {
    let kind = environment.get("CI_MERGE_REQUEST_EVENT_TYPE");
    match environment.lookup("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") {
        Some(head) => HeadCommit::Known(head),
        None if matches!(kind.as_deref(), Some("merged_result" | "merge_train")) => {
            HeadCommit::Unknown("CI_COMMIT_SHA is a merge commit, and CI_MERGE_REQUEST_SOURCE_BRANCH_SHA is not set")
        }
        None => HeadCommit::from_variable(environment.lookup("CI_COMMIT_SHA")),
    }
}

fn merge_request_fork(environment: EnvVars<'_>) -> Fork {
    fork(environment, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID")
}

fn fork(environment: EnvVars<'_>, from: &str, to: &str) -> Fork {
    Fork::between(environment.get(from), environment.get(to), from)
}

/// A child of a merge request's pipeline may have none of the merge request's variables, and no branch of its own.
fn unless_child_of_merge_request(environment: EnvVars<'_>, git_ref: &CiRef, fork: Fork) -> Fork {
    let source = environment.get("CI_PIPELINE_SOURCE").unwrap_or_default();
    let may_be_of_merge_request =
        matches!(&*source, "parent_pipeline" | "merge_request_event" | "external_pull_request_event")
            && environment.first(&["CI_COMMIT_BRANCH", "CI_COMMIT_TAG"]).is_none();
    match fork {
        Fork::No if environment.first(&["CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID"]).is_some() => Fork::No,
        Fork::No if may_be_of_merge_request || git_ref.is_pull_request() => {
            Fork::Unknown("the merge request's variables are not set")
        }
        other => other,
    }
}
