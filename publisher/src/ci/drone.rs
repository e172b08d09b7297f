use super::{Build, BuildRef, Fork, HeadCommit};
use crate::environment::Environment;

/// Drone CI.
pub(super) fn read(environment: Environment<'_>) -> Build {
    let build = Build {
        project: environment.found("DRONE_REPO_NAME"),
        git_ref: branch_or_tag(environment),
        commit: HeadCommit::of(environment.found("DRONE_COMMIT_SHA")),
        url: environment.found("DRONE_BUILD_LINK"),
        // A build that is restarted gets a new number.
        identity: environment.all(["DRONE_SYSTEM_HOST", "DRONE_REPO", "DRONE_BUILD_NUMBER"]),
        fork: Fork::No,
    };
    match environment.found("DRONE_PULL_REQUEST") {
        Some(number) => Build {
            git_ref: Some(BuildRef::PullRequest(number)),
            fork: Fork::Unknown("Drone has no variable that tells"),
            ..build
        },
        None => build,
    }
}

fn branch_or_tag(environment: Environment<'_>) -> Option<BuildRef> {
    let tag = environment.found("DRONE_TAG").map(BuildRef::Tag);
    // Of a push the target is the branch itself.
    tag.or_else(|| environment.found("DRONE_BRANCH").map(BuildRef::Branch))
}
