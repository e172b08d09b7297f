use super::{BuildRef, CiBuild, Fork, HeadCommit};
use crate::env_vars::EnvVars;

/// Drone CI.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let build = CiBuild {
        project: environment.lookup("DRONE_REPO_NAME"),
        git_ref: branch_or_tag(environment),
        commit: HeadCommit::from_variable(environment.lookup("DRONE_COMMIT_SHA")),
        url: environment.lookup("DRONE_BUILD_LINK"),
        // A build that is restarted gets a new number.
        identity: environment.all(["DRONE_SYSTEM_HOST", "DRONE_REPO", "DRONE_BUILD_NUMBER"]),
        fork: Fork::No,
    };
    match environment.lookup("DRONE_PULL_REQUEST") {
        Some(number) => CiBuild {
            git_ref: Some(BuildRef::PullRequest(number)),
            fork: Fork::Unknown("Drone has no variable that tells"),
            ..build
        },
        None => build,
    }
}

fn branch_or_tag(environment: EnvVars<'_>) -> Option<BuildRef> {
    let tag = environment.lookup("DRONE_TAG").map(BuildRef::Tag);
    // Of a push the target is the branch itself.
    tag.or_else(|| environment.lookup("DRONE_BRANCH").map(BuildRef::Branch))
}
