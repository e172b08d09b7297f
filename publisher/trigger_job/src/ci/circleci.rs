use super::build_ref::pull_request_number;
use super::ref_variables::RefVariables;
use super::{CiBuild, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;
use crate::resolution::SourcedValue;

/// CircleCI.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let tag = environment.lookup("CIRCLE_TAG");
    let refs = RefVariables {
        full: None,
        // A tag's build is of the tag, also if its commit belongs to a pull request.
        pull_request: pull_request(environment).filter(|_| tag.is_none()),
        branch: environment.lookup("CIRCLE_BRANCH"),
        tag,
    };
    let (git_ref, notes) = refs.resolve("CIRCLE_BRANCH and CIRCLE_TAG are not set");
    let repository = || environment.lookup("CIRCLE_REPOSITORY_URL").map(|value| value.map(repository_name));
    CiBuild {
        project: environment.lookup("CIRCLE_PROJECT_REPONAME").or_else(repository),
        git_ref,
        // Always the head: CircleCI builds no merge commits.
        commit: HeadCommit::from_variable(environment.lookup("CIRCLE_SHA1")),
        url: environment.lookup("CIRCLE_BUILD_URL"),
        // Each rerun of a workflow, whole or from its failed jobs, is a workflow with a new id.
        identity: environment.all(["CIRCLE_WORKFLOW_ID"]),
        fork: fork(environment),
        notes,
    }
}

/// A fork's build has the number itself, and in its branch; another one has the page of the pull request that its branch
/// belongs to.
fn pull_request(environment: EnvVars<'_>) -> Option<SourcedValue> {
    let is_number = |value: &SourcedValue| value.text.bytes().all(|byte| byte.is_ascii_digit());
    let page = || environment.lookup("CIRCLE_PULL_REQUEST").map(|value| value.map(repository_name)).filter(is_number);
    let branch = || {
        let value = environment.lookup("CIRCLE_BRANCH")?;
        Some(SourcedValue::new(pull_request_number(&value.text, &["pull/"])?, value.source))
    };
    environment.lookup("CIRCLE_PR_NUMBER").or_else(page).or_else(branch)
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
