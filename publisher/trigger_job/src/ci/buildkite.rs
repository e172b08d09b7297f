use super::ref_variables::RefVariables;
use super::repository::repository_path;
use super::{CiBuild, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;

/// Buildkite.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let refs = RefVariables {
        full: None,
        pull_request: environment.lookup("BUILDKITE_PULL_REQUEST").filter(|number| number.text != "false"),
        tag: environment.lookup("BUILDKITE_TAG"),
        // In a build that a person starts it is what that person wrote, perhaps a full name.
        branch: environment.lookup("BUILDKITE_BRANCH"),
    };
    let (git_ref, notes) = refs.resolve("BUILDKITE_BRANCH and BUILDKITE_TAG are not set");
    CiBuild {
        project: environment.lookup("BUILDKITE_REPO").map(|value| value.map(repository_name)),
        fork: fork(environment, git_ref.is_pull_request()),
        git_ref,
        // "HEAD" in a build that was started without a commit: the checkout has the commit then.
        commit: HeadCommit::from_variable(environment.lookup("BUILDKITE_COMMIT")),
        url: environment.lookup("BUILDKITE_BUILD_URL"),
        // A job that is retried, by hand or by itself, stays in its build; "Rebuild" makes another.
        identity: environment.all(["BUILDKITE_BUILD_ID"]),
        notes,
    }
}

/// Both sides of a pull request are on one forge, though a pipeline may fetch from it by another host, alias or port.
fn fork(environment: EnvVars<'_>, is_pull_request: bool) -> Fork {
    const SOURCE: &str = "BUILDKITE_PULL_REQUEST_REPO";
    if is_pull_request {
        let path = |name: &str| environment.get(name).and_then(|url| repository_path(&url));
        return Fork::between(path(SOURCE), path("BUILDKITE_REPO"), SOURCE);
    }
    // Of a fork's branch it is owner:branch, and no branch's name has a colon.
    match environment.get("BUILDKITE_BRANCH").is_some_and(|branch| branch.contains(':')) {
        true => Fork::Yes("BUILDKITE_BRANCH".to_owned()),
        false => Fork::No,
    }
}
