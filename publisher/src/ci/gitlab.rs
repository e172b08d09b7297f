use super::{Build, BuildRef, Fork, HeadCommit, last_part};
use crate::environment::Environment;

/// GitLab CI/CD.
pub(super) fn read(environment: Environment<'_>) -> Build {
    let build = Build {
        project: environment.found("CI_PROJECT_PATH").map(|found| found.map(last_part)),
        git_ref: branch_or_tag(environment),
        commit: HeadCommit::of(environment.found("CI_COMMIT_SHA")),
        url: environment.first(&["CI_JOB_URL", "CI_PIPELINE_URL"]),
        // The pipeline, not the job: a job that `retry:` starts again has a new id, as has one that a person retries.
        identity: environment.all(["CI_SERVER_URL", "CI_PIPELINE_ID"]),
        fork: Fork::No,
    };
    if let Some(number) = environment.found("CI_MERGE_REQUEST_IID") {
        return Build {
            git_ref: Some(BuildRef::PullRequest(number)),
            // In a merged-results pipeline CI_COMMIT_SHA is the merge commit; in others this one is empty.
            commit: HeadCommit::of(environment.first(&["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"])),
            fork: fork(environment, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID"),
            ..build
        };
    }
    if let Some(number) = environment.found("CI_EXTERNAL_PULL_REQUEST_IID") {
        return Build {
            git_ref: Some(BuildRef::PullRequest(number)),
            commit: HeadCommit::of(environment.found("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA")),
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

fn branch_or_tag(environment: Environment<'_>) -> Option<BuildRef> {
    let tag = environment.found("CI_COMMIT_TAG").map(BuildRef::Tag);
    tag.or_else(|| environment.first(&["CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME"]).map(BuildRef::Branch))
}

fn fork(environment: Environment<'_>, from: &str, to: &str) -> Fork {
    Fork::between(environment.get(from), environment.get(to), from)
}
