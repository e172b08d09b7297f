use super::{BuildRef, CiBuild, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;

/// GitLab CI/CD.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let build = CiBuild {
        project: environment.lookup("CI_PROJECT_PATH").map(|value| value.map(repository_name)),
        git_ref: branch_or_tag(environment),
        commit: HeadCommit::from_variable(environment.lookup("CI_COMMIT_SHA")),
        url: environment.first(&["CI_JOB_URL", "CI_PIPELINE_URL"]),
        // The pipeline, not the job: a job that `retry:` starts again has a new id, as has one that a person retries.
        identity: environment.all(["CI_SERVER_URL", "CI_PIPELINE_ID"]),
        fork: Fork::No,
    };
    if let Some(number) = environment.lookup("CI_MERGE_REQUEST_IID") {
        return CiBuild {
            git_ref: Some(BuildRef::PullRequest(number)),
            // In a merged-results pipeline CI_COMMIT_SHA is the merge commit; in others this one is empty.
            commit: HeadCommit::from_variable(
                environment.first(&["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"]),
            ),
            fork: fork(environment, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID"),
            ..build
        };
    }
    if let Some(number) = environment.lookup("CI_EXTERNAL_PULL_REQUEST_IID") {
        return CiBuild {
            git_ref: Some(BuildRef::PullRequest(number)),
            commit: HeadCommit::from_variable(environment.lookup("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA")),
            fork: fork(
                environment,
                "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY",
                "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY",
            ),
            ..build
        };
    }
    build
}

fn branch_or_tag(environment: EnvVars<'_>) -> Option<BuildRef> {
    let tag = environment.lookup("CI_COMMIT_TAG").map(BuildRef::Tag);
    tag.or_else(|| environment.first(&["CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME"]).map(BuildRef::Branch))
}

fn fork(environment: EnvVars<'_>, from: &str, to: &str) -> Fork {
    Fork::between(environment.get(from), environment.get(to), from)
}
