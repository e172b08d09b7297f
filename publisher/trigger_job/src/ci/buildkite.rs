use super::repository::canonical_location;
use super::{BuildRef, CiBuild, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;

/// Buildkite.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let build = CiBuild {
        project: environment.lookup("BUILDKITE_REPO").map(|value| value.map(repository_name)),
        git_ref: branch_or_tag(environment),
        // "HEAD" in a build that somebody started without a commit: then the checkout knows better.
        commit: HeadCommit::from_variable(environment.lookup("BUILDKITE_COMMIT")),
        url: environment.lookup("BUILDKITE_BUILD_URL"),
        // A job that is retried, by hand or by itself, stays in its build; "Rebuild" makes another.
        identity: environment.all(["BUILDKITE_BUILD_ID"]),
        fork: Fork::No,
    };
    match environment.lookup("BUILDKITE_PULL_REQUEST").filter(|number| number.text != "false") {
        Some(number) => CiBuild {
            git_ref: Some(BuildRef::PullRequest(number)),
            fork: Fork::between(
                environment.get("BUILDKITE_PULL_REQUEST_REPO").map(|url| canonical_location(&url)),
                environment.get("BUILDKITE_REPO").map(|url| canonical_location(&url)),
                "BUILDKITE_PULL_REQUEST_REPO",
            ),
            ..build
        },
        None => build,
    }
}

fn branch_or_tag(environment: EnvVars<'_>) -> Option<BuildRef> {
    let tag = environment.lookup("BUILDKITE_TAG").map(BuildRef::Tag);
    tag.or_else(|| environment.lookup("BUILDKITE_BRANCH").map(BuildRef::Branch))
}
