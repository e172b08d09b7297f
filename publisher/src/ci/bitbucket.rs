use super::{Build, BuildRef, Fork, HeadCommit, last_part};
use crate::environment::Environment;
use crate::found::Found;

/// Bitbucket Pipelines.
pub(super) fn read(environment: Environment<'_>) -> Build {
    let pull_request = environment.found("BITBUCKET_PR_ID").map(BuildRef::PullRequest);
    let tag = || environment.found("BITBUCKET_TAG").map(BuildRef::Tag);
    let branch = || environment.found("BITBUCKET_BRANCH").map(BuildRef::Branch);
    let build = environment.all(["BITBUCKET_REPO_FULL_NAME", "BITBUCKET_BUILD_NUMBER"]);
    Build {
        project: environment.found("BITBUCKET_REPO_FULL_NAME").map(|found| found.map(last_part)),
        git_ref: pull_request.or_else(tag).or_else(branch),
        // Of a pull request too it is the source's head; the merge is made in the build's own checkout.
        commit: HeadCommit::of(environment.found("BITBUCKET_COMMIT")),
        url: build.as_ref().map(|parts| {
            let page = format!("https://bitbucket.org/{}/pipelines/results/{}", parts[0], parts[1]);
            Found::new(page, "BITBUCKET_BUILD_NUMBER")
        }),
        // A step that is run again stays in its pipeline.
        identity: build,
        // Bitbucket runs no pipeline of a repository for pull requests from its forks.
        fork: Fork::No,
    }
}
