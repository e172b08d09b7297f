use super::ref_variables::RefVariables;
use super::{CiBuild, Fork, HeadCommit};
use crate::env_vars::EnvVars;

/// Woodpecker CI.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let event = environment.get("CI_PIPELINE_EVENT").unwrap_or_default();
    let refs = RefVariables {
        full: environment.lookup("CI_COMMIT_REF"),
        pull_request: environment.lookup("CI_COMMIT_PULL_REQUEST"),
        tag: environment.lookup("CI_COMMIT_TAG"),
        // Of other events it is the default branch, or the one that a pull request goes to.
        branch: environment.lookup("CI_COMMIT_BRANCH").filter(|_| matches!(&*event, "" | "push" | "cron" | "manual")),
    };
    let (git_ref, notes) = refs.resolve("CI_COMMIT_REF is not set");
    let fork = match git_ref.is_pull_request() || event.starts_with("pull_request") {
        true => Fork::Unknown("Woodpecker has no variable for it"),
        false => Fork::No,
    };
    CiBuild {
        project: environment.lookup("CI_REPO_NAME"),
        git_ref,
        commit: HeadCommit::from_variable(environment.lookup("CI_COMMIT_SHA")),
        url: environment.lookup("CI_PIPELINE_URL"),
        // A pipeline that is restarted gets a new number.
        identity: environment.all(["CI_SYSTEM_URL", "CI_REPO", "CI_PIPELINE_NUMBER"]),
        fork,
        notes,
    }
}
