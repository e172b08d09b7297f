use super::ref_variables::RefVariables;
use super::{CiBuild, Fork, HeadCommit};
use crate::env_vars::EnvVars;

/// Drone CI.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let event = environment.get("DRONE_BUILD_EVENT").unwrap_or_default();
    let refs = RefVariables {
        full: environment.lookup("DRONE_COMMIT_REF"),
        pull_request: environment.lookup("DRONE_PULL_REQUEST"),
        tag: environment.lookup("DRONE_TAG"),
        // Of other events it is a tag, or the branch that a pull request goes to.
        branch: environment.lookup("DRONE_BRANCH").filter(|_| matches!(&*event, "" | "push" | "cron" | "custom")),
    };
    let (git_ref, notes) = refs.resolve("DRONE_COMMIT_REF is not set");
    let fork = match git_ref.is_pull_request() || event == "pull_request" {
        true => Fork::Unknown("Drone has no variable for it"),
        false => Fork::No,
    };
    CiBuild {
        project: environment.lookup("DRONE_REPO_NAME"),
        git_ref,
        commit: HeadCommit::from_variable(environment.lookup("DRONE_COMMIT_SHA")),
        url: environment.lookup("DRONE_BUILD_LINK"),
        // A build that is restarted or promoted gets a new number.
        identity: environment.all(["DRONE_SYSTEM_HOST", "DRONE_REPO", "DRONE_BUILD_NUMBER"]),
        fork,
        notes,
    }
}
