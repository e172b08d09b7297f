use super::{BuildRef, CiBuild, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;

/// Travis CI.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let build = CiBuild {
        project: environment.lookup("TRAVIS_REPO_SLUG").map(|value| value.map(repository_name)),
        git_ref: branch_or_tag(environment),
        commit: HeadCommit::from_variable(environment.lookup("TRAVIS_COMMIT")),
        url: environment.first(&["TRAVIS_BUILD_WEB_URL", "TRAVIS_JOB_WEB_URL"]),
        // A restarted build keeps its id: Travis has nothing that tells the two apart.
        identity: environment.all(["TRAVIS_REPO_SLUG", "TRAVIS_BUILD_ID"]),
        fork: Fork::No,
    };
    match environment.lookup("TRAVIS_PULL_REQUEST").filter(|number| number.text != "false") {
        Some(number) => CiBuild {
            git_ref: Some(BuildRef::PullRequest(number)),
            // TRAVIS_COMMIT is the merge commit here.
            commit: HeadCommit::from_variable(environment.lookup("TRAVIS_PULL_REQUEST_SHA")),
            fork: Fork::between(
                environment.get("TRAVIS_PULL_REQUEST_SLUG"),
                environment.get("TRAVIS_REPO_SLUG"),
                "TRAVIS_PULL_REQUEST_SLUG",
            ),
            ..build
        },
        None => build,
    }
}

fn branch_or_tag(environment: EnvVars<'_>) -> Option<BuildRef> {
    let tag = environment.lookup("TRAVIS_TAG").map(BuildRef::Tag);
    // With a tag, TRAVIS_BRANCH is the tag's name too.
    tag.or_else(|| environment.lookup("TRAVIS_BRANCH").map(BuildRef::Branch))
}
