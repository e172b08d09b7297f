use super::{BuildRef, CiBuild, Fork, HeadCommit};
use crate::env_vars::EnvVars;

/// Woodpecker CI.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let build = CiBuild {
        project: environment.lookup("CI_REPO_NAME"),
        git_ref: branch_or_tag(environment),
        commit: HeadCommit::from_variable(environment.lookup("CI_COMMIT_SHA")),
        url: environment.lookup("CI_PIPELINE_URL"),
        // A pipeline that is restarted gets a new number.
        identity: environment.all(["CI_SYSTEM_URL", "CI_REPO", "CI_PIPELINE_NUMBER"]),
        fork: Fork::No,
    };
    match environment.lookup("CI_COMMIT_PULL_REQUEST") {
        Some(number) => CiBuild {
            git_ref: Some(BuildRef::PullRequest(number)),
            fork: Fork::Unknown("Woodpecker has no variable that tells"),
            ..build
        },
        None => build,
    }
}

fn branch_or_tag(environment: EnvVars<'_>) -> Option<BuildRef> {
    let tag = environment.lookup("CI_COMMIT_TAG").map(BuildRef::Tag);
    tag.or_else(|| environment.lookup("CI_COMMIT_BRANCH").map(BuildRef::Branch))
}
