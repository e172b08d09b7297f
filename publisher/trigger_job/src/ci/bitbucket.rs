use super::{BuildRef, CiBuild, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;
use crate::resolution::SourcedValue;

/// Bitbucket Pipelines.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let pull_request = environment.lookup("BITBUCKET_PR_ID").map(BuildRef::PullRequest);
    let tag = || environment.lookup("BITBUCKET_TAG").map(BuildRef::Tag);
    let branch = || environment.lookup("BITBUCKET_BRANCH").map(BuildRef::Branch);
    let build = environment.all(["BITBUCKET_REPO_FULL_NAME", "BITBUCKET_BUILD_NUMBER"]);
    CiBuild {
        project: environment.lookup("BITBUCKET_REPO_FULL_NAME").map(|value| value.map(repository_name)),
        git_ref: pull_request.or_else(tag).or_else(branch),
        // Of a pull request too it is the source's head; the merge is made in the build's own checkout.
        commit: HeadCommit::from_variable(environment.lookup("BITBUCKET_COMMIT")),
        url: build.as_ref().map(|parts| {
            let page = format!("https://bitbucket.org/{}/pipelines/results/{}", parts[0], parts[1]);
            SourcedValue::new(page, "BITBUCKET_BUILD_NUMBER")
        }),
        // A step that is run again stays in its pipeline.
        identity: build,
        // Bitbucket runs no pipeline of a repository for pull requests from its forks.
        fork: Fork::No,
    }
}
