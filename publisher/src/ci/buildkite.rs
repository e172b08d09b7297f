use super::repository::place_of;
use super::{Build, BuildRef, Fork, HeadCommit, last_part};
use crate::environment::Environment;

/// Buildkite.
pub(super) fn read(environment: Environment<'_>) -> Build {
    let build = Build {
        project: environment.found("BUILDKITE_REPO").map(|found| found.map(last_part)),
        git_ref: branch_or_tag(environment),
        // "HEAD" in a build that somebody started without a commit: then the checkout knows better.
        commit: HeadCommit::of(environment.found("BUILDKITE_COMMIT")),
        url: environment.found("BUILDKITE_BUILD_URL"),
        // A job that is retried, by hand or by itself, stays in its build; "Rebuild" makes another.
        identity: environment.all(["BUILDKITE_BUILD_ID"]),
        fork: Fork::No,
    };
    match environment.found("BUILDKITE_PULL_REQUEST").filter(|number| number.text != "false") {
        Some(number) => Build {
            git_ref: Some(BuildRef::PullRequest(number)),
            fork: Fork::between(
                environment.get("BUILDKITE_PULL_REQUEST_REPO").map(|url| place_of(&url)),
                environment.get("BUILDKITE_REPO").map(|url| place_of(&url)),
                "BUILDKITE_PULL_REQUEST_REPO",
            ),
            ..build
        },
        None => build,
    }
}

fn branch_or_tag(environment: Environment<'_>) -> Option<BuildRef> {
    let tag = environment.found("BUILDKITE_TAG").map(BuildRef::Tag);
    tag.or_else(|| environment.found("BUILDKITE_BRANCH").map(BuildRef::Branch))
}
