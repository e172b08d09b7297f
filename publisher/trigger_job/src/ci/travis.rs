use super::ref_variables::RefVariables;
use super::{CiBuild, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;

/// Travis CI.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let is_of_pull_request = environment.is("TRAVIS_EVENT_TYPE", "pull_request");
    let refs = RefVariables {
        full: None,
        pull_request: environment.lookup("TRAVIS_PULL_REQUEST").filter(|number| number.text != "false"),
        tag: environment.lookup("TRAVIS_TAG"),
        // Of a pull request it is the branch that it goes to.
        branch: environment.lookup("TRAVIS_BRANCH").filter(|_| !is_of_pull_request),
    };
    let (git_ref, notes) = refs.resolve(match is_of_pull_request {
        true => "TRAVIS_PULL_REQUEST has no number",
        false => "TRAVIS_BRANCH and TRAVIS_TAG are not set",
    });
    let (commit, fork) = match git_ref.is_pull_request() || is_of_pull_request {
        // TRAVIS_COMMIT is the merge commit here.
        true => ("TRAVIS_PULL_REQUEST_SHA", fork(environment)),
        false => ("TRAVIS_COMMIT", Fork::No),
    };
    CiBuild {
        project: environment.lookup("TRAVIS_REPO_SLUG").map(|value| value.map(repository_name)),
        git_ref,
        commit: HeadCommit::from_variable(environment.lookup(commit)),
        url: environment.first(&["TRAVIS_BUILD_WEB_URL", "TRAVIS_JOB_WEB_URL"]),
        // A restarted build keeps its id: Travis has no variable that differs.
        identity: environment.all(["TRAVIS_REPO_SLUG", "TRAVIS_BUILD_ID"]),
        fork,
        notes,
    }
}

fn fork(environment: EnvVars<'_>) -> Fork {
    let (from, to) = (environment.get("TRAVIS_PULL_REQUEST_SLUG"), environment.get("TRAVIS_REPO_SLUG"));
    Fork::between(from, to, "TRAVIS_PULL_REQUEST_SLUG")
}
