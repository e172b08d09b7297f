use super::ref_variables::RefVariables;
use super::{CiBuild, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;
use crate::resolution::SourcedValue;

/// Bitbucket Pipelines.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let refs = RefVariables {
        full: None,
        pull_request: environment.lookup("BITBUCKET_PR_ID"),
        tag: environment.lookup("BITBUCKET_TAG"),
        branch: environment.lookup("BITBUCKET_BRANCH"),
    };
    // A custom pipeline of a commit has none of them.
    let (git_ref, notes) = refs.resolve("BITBUCKET_BRANCH, BITBUCKET_TAG and BITBUCKET_PR_ID are not set");
    let build = environment.all(["BITBUCKET_REPO_FULL_NAME", "BITBUCKET_BUILD_NUMBER"]);
    CiBuild {
        project: environment.lookup("BITBUCKET_REPO_FULL_NAME").map(|value| value.map(repository_name)),
        git_ref,
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
        notes,
    }
}
