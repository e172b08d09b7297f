use super::{Build, BuildRef, Fork, HeadCommit, last_part};
use crate::environment::Environment;

/// Travis CI.
pub(super) fn read(environment: Environment<'_>) -> Build {
    let build = Build {
        project: environment.found("TRAVIS_REPO_SLUG").map(|found| found.map(last_part)),
        git_ref: branch_or_tag(environment),
        commit: HeadCommit::of(environment.found("TRAVIS_COMMIT")),
        url: environment.first(&["TRAVIS_BUILD_WEB_URL", "TRAVIS_JOB_WEB_URL"]),
        // A restarted build keeps its id: Travis has nothing that tells the two apart.
        identity: environment.all(["TRAVIS_REPO_SLUG", "TRAVIS_BUILD_ID"]),
        fork: Fork::No,
    };
    match environment.found("TRAVIS_PULL_REQUEST").filter(|number| number.text != "false") {
        Some(number) => Build {
            git_ref: Some(BuildRef::PullRequest(number)),
            // TRAVIS_COMMIT is the merge commit here.
            commit: HeadCommit::of(environment.found("TRAVIS_PULL_REQUEST_SHA")),
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

fn branch_or_tag(environment: Environment<'_>) -> Option<BuildRef> {
    let tag = environment.found("TRAVIS_TAG").map(BuildRef::Tag);
    // With a tag, TRAVIS_BRANCH is the tag's name too.
    tag.or_else(|| environment.found("TRAVIS_BRANCH").map(BuildRef::Branch))
}
