use super::{BuildRef, CiBuild, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;
use crate::resolution::SourcedValue;

/// Azure Pipelines.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let build = CiBuild {
        project: environment.lookup("BUILD_REPOSITORY_NAME").map(|value| value.map(repository_name)),
        git_ref: environment.lookup("BUILD_SOURCEBRANCH").and_then(BuildRef::from_full_name),
        commit: HeadCommit::from_variable(environment.lookup("BUILD_SOURCEVERSION")),
        url: environment
            .all(["SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID"])
            .map(|parts| build_url(&parts)),
        identity: identity(environment),
        fork: Fork::No,
    };
    // GitHub's number of a pull request; Azure Repos only has an id, which is its number there.
    match environment.first(&["SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "SYSTEM_PULLREQUEST_PULLREQUESTID"]) {
        Some(number) => CiBuild {
            git_ref: Some(BuildRef::PullRequest(number)),
            // BUILD_SOURCEVERSION is the merge commit here.
            commit: HeadCommit::from_variable(environment.lookup("SYSTEM_PULLREQUEST_SOURCECOMMITID")),
            fork: fork(environment),
            ..build
        },
        None => build,
    }
}

fn build_url(parts: &[String]) -> SourcedValue {
    // A team project's name may have spaces, and nothing else that a URL can't hold.
    let (collection, project) = (parts[0].trim_end_matches('/'), parts[1].replace(' ', "%20"));
    SourcedValue::new(format!("{collection}/{project}/_build/results?buildId={}", parts[2]), "BUILD_BUILDID")
}

/// A person who runs a stage again means another build: the run keeps its id and counts the stage's attempt up.
fn identity(environment: EnvVars<'_>) -> Option<Vec<String>> {
    let mut identity = environment.all(["SYSTEM_COLLECTIONURI", "BUILD_BUILDID"])?;
    identity.push(environment.get("SYSTEM_STAGEATTEMPT").unwrap_or_else(|| "1".to_owned()));
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
