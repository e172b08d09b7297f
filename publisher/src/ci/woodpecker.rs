use super::{Build, BuildRef, Fork, HeadCommit};
use crate::environment::Environment;

/// Woodpecker CI.
pub(super) fn read(environment: Environment<'_>) -> Build {
    let build = Build {
        project: environment.found("CI_REPO_NAME"),
        git_ref: branch_or_tag(environment),
        commit: HeadCommit::of(environment.found("CI_COMMIT_SHA")),
        url: environment.found("CI_PIPELINE_URL"),
        // A pipeline that is restarted gets a new number.
        identity: environment.all(["CI_SYSTEM_URL", "CI_REPO", "CI_PIPELINE_NUMBER"]),
        fork: Fork::No,
    };
    match environment.found("CI_COMMIT_PULL_REQUEST") {
        Some(number) => Build {
            git_ref: Some(BuildRef::PullRequest(number)),
            fork: Fork::Unknown("Woodpecker has no variable that tells"),
            ..build
        },
        None => build,
    }
}

fn branch_or_tag(environment: Environment<'_>) -> Option<BuildRef> {
    let tag = environment.found("CI_COMMIT_TAG").map(BuildRef::Tag);
    tag.or_else(|| environment.found("CI_COMMIT_BRANCH").map(BuildRef::Branch))
}
