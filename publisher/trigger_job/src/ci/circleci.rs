use super::{BuildRef, CiBuild, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;
use crate::resolution::SourcedValue;

/// CircleCI.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let build = CiBuild {
        project: environment.lookup("CIRCLE_PROJECT_REPONAME"),
        git_ref: branch_or_tag(environment),
        // Always the head: CircleCI builds no merge commits.
        commit: HeadCommit::from_variable(environment.lookup("CIRCLE_SHA1")),
        url: environment.lookup("CIRCLE_BUILD_URL"),
        // Each rerun of a workflow, whole or from its failed jobs, is a workflow with a new id.
        identity: environment.all(["CIRCLE_WORKFLOW_ID"]),
        fork: Fork::No,
    };
    match pull_request(environment) {
        Some(number) => CiBuild { git_ref: Some(BuildRef::PullRequest(number)), fork: fork(environment), ..build },
        None => build,
    }
}

/// A fork's build has the number itself; another one the page of the pull request that its branch belongs to.
fn pull_request(environment: EnvVars<'_>) -> Option<SourcedValue> {
    let page = || environment.lookup("CIRCLE_PULL_REQUEST").map(|value| value.map(repository_name));
    environment.lookup("CIRCLE_PR_NUMBER").or_else(page)
}

/// CircleCI sets these for pull requests from forks only.
fn fork(environment: EnvVars<'_>) -> Fork {
    match environment.first(&["CIRCLE_PR_USERNAME", "CIRCLE_PR_REPONAME", "CIRCLE_PR_NUMBER"]) {
        Some(value) => Fork::Yes(value.source.into_owned()),
        // The branch of a fork's pull request is called pull/<number>.
        None if environment.get("CIRCLE_BRANCH").is_some_and(|branch| branch.starts_with("pull/")) => {
            Fork::Yes("CIRCLE_BRANCH".to_owned())
        }
        None => Fork::No,
    }
}

fn branch_or_tag(environment: EnvVars<'_>) -> Option<BuildRef> {
    let tag = environment.lookup("CIRCLE_TAG").map(BuildRef::Tag);
    tag.or_else(|| environment.lookup("CIRCLE_BRANCH").map(BuildRef::Branch))
}
