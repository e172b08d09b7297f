use super::{Build, BuildRef, Fork, HeadCommit, last_part};
use crate::environment::Environment;
use crate::found::Found;

/// CircleCI.
pub(super) fn read(environment: Environment<'_>) -> Build {
    let build = Build {
        project: environment.found("CIRCLE_PROJECT_REPONAME"),
        git_ref: branch_or_tag(environment),
        // Always the head: CircleCI builds no merge commits.
        commit: HeadCommit::of(environment.found("CIRCLE_SHA1")),
        url: environment.found("CIRCLE_BUILD_URL"),
        // Each rerun of a workflow, whole or from its failed jobs, is a workflow with a new id.
        identity: environment.all(["CIRCLE_WORKFLOW_ID"]),
        fork: Fork::No,
    };
    match pull_request(environment) {
        Some(number) => Build { git_ref: Some(BuildRef::PullRequest(number)), fork: fork(environment), ..build },
        None => build,
    }
}

/// A fork's build has the number itself; another one the page of the pull request that its branch belongs to.
fn pull_request(environment: Environment<'_>) -> Option<Found> {
    let page = || environment.found("CIRCLE_PULL_REQUEST").map(|found| found.map(last_part));
    environment.found("CIRCLE_PR_NUMBER").or_else(page)
}

/// CircleCI sets these for pull requests from forks only.
fn fork(environment: Environment<'_>) -> Fork {
    match environment.first(&["CIRCLE_PR_USERNAME", "CIRCLE_PR_REPONAME", "CIRCLE_PR_NUMBER"]) {
        Some(found) => Fork::Yes(found.place.into_owned()),
        // The branch of a fork's pull request is called pull/<number>.
        None if environment.get("CIRCLE_BRANCH").is_some_and(|branch| branch.starts_with("pull/")) => {
            Fork::Yes("CIRCLE_BRANCH".to_owned())
        }
        None => Fork::No,
    }
}

fn branch_or_tag(environment: Environment<'_>) -> Option<BuildRef> {
    let tag = environment.found("CIRCLE_TAG").map(BuildRef::Tag);
    tag.or_else(|| environment.found("CIRCLE_BRANCH").map(BuildRef::Branch))
}
