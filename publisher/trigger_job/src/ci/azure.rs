use super::ref_variables::RefVariables;
use super::{CiBuild, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;
use crate::resolution::SourcedValue;

/// Azure Pipelines.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let refs = RefVariables {
        // It is set in every build, also in one that a person starts of a pull request's ref.
        full: environment.lookup("BUILD_SOURCEBRANCH"),
        pull_request: pull_request(environment),
        ..RefVariables::default()
    };
    let (git_ref, notes) = refs.resolve("BUILD_SOURCEBRANCH is not set");
    let (commit, fork) = match git_ref.is_pull_request() {
        // BUILD_SOURCEVERSION is the merge commit here.
        true => ("SYSTEM_PULLREQUEST_SOURCECOMMITID", fork(environment)),
        false => ("BUILD_SOURCEVERSION", Fork::No),
    };
    CiBuild {
        project: environment.lookup("BUILD_REPOSITORY_NAME").map(|value| value.map(repository_name)),
        git_ref,
        commit: HeadCommit::from_variable(environment.lookup(commit)),
        url: environment
            .all(["SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID"])
            .map(|parts| build_url(&parts)),
        identity: identity(environment),
        fork,
        notes,
    }
}

/// The number of a pull request. Only in Azure Repos the id is its number; GitHub's id is another one.
fn pull_request(environment: EnvVars<'_>) -> Option<SourcedValue> {
    let id = || environment.lookup("SYSTEM_PULLREQUEST_PULLREQUESTID");
    let id = || id().filter(|_| environment.is("BUILD_REPOSITORY_PROVIDER", "TfsGit"));
    environment.lookup("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER").or_else(id)
}

fn build_url(parts: &[String]) -> SourcedValue {
    // A team project's name may have spaces, and nothing else that a URL cannot hold.
    let (collection, project) = (parts[0].trim_end_matches('/'), parts[1].replace(' ', "%20"));
    SourcedValue::new(format!("{collection}/{project}/_build/results?buildId={}", parts[2]), "BUILD_BUILDID")
}

/// A person who runs a stage again means another build: the run keeps its id and counts the stage's attempt up.
///
/// Each deployment of a classic release is another build, too: staging and production share the artifact's build id.
fn identity(environment: EnvVars<'_>) -> Option<Vec<String>> {
    let mut identity = environment.all(["SYSTEM_COLLECTIONURI", "BUILD_BUILDID"])?;
    identity.push(environment.get("SYSTEM_STAGEATTEMPT").unwrap_or_else(|| "1".to_owned()));
    identity.extend(environment.get("RELEASE_DEPLOYMENTID"));
    Some(identity)
}

fn fork(environment: EnvVars<'_>) -> Fork {
    const NAME: &str = "SYSTEM_PULLREQUEST_ISFORK";
    match environment.get(NAME) {
        Some(_) if environment.is(NAME, "false") => Fork::No,
        Some(_) => Fork::Yes(NAME.to_owned()),
        None => Fork::Unknown("SYSTEM_PULLREQUEST_ISFORK is not set"),
    }
}
