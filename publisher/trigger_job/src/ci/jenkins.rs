use super::jenkins_ref::JenkinsRef;
use super::repository::repository_path;
use super::{CiBuild, CiRef, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;

/// Jenkins: its git plugin, multibranch projects, and the ghprb, GitLab and Gerrit plugins for changes.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let JenkinsRef { git_ref, notes, is_checkout_of_other_ref } = JenkinsRef::read(environment);
    let git_commit = environment.lookup("GIT_COMMIT").filter(|_| !is_checkout_of_other_ref);
    let (commit, fork) = match git_ref.is_pull_request() {
        true => (head_of_pull_request(environment, is_checkout_of_other_ref), fork(environment)),
        false if is_checkout_of_other_ref => (COMMIT_OF_OTHER_REF, Fork::No),
        false => (HeadCommit::from_variable(git_commit), Fork::No),
    };
    let build = CiBuild {
        project: environment.first(&["GIT_URL", "GIT_URL_1"]).map(|value| value.map(repository_name)),
        git_ref,
        commit,
        // Missing until an administrator has saved Jenkins' own URL in its settings.
        url: environment.lookup("BUILD_URL"),
        identity: identity(environment),
        fork,
        notes,
    };
    match is_gerrit_change(environment) {
        true => CiBuild {
            git_ref: CiRef::Unknown("this build is of a change in Gerrit, which is on no branch yet".to_owned()),
            fork: Fork::Unknown("a change in Gerrit may be a stranger's"),
            ..build
        },
        false => build,
    }
}

const COMMIT_OF_OTHER_REF: HeadCommit = HeadCommit::Unknown("GIT_COMMIT is of the ref in GIT_BRANCH");

/// The Gerrit plugin's builds before a change is merged: GIT_BRANCH is the branch that the change goes to.
fn is_gerrit_change(environment: EnvVars<'_>) -> bool {
    let is_merged = matches!(environment.get("GERRIT_EVENT_TYPE").as_deref(), Some("change-merged" | "ref-updated"));
    environment.get("GERRIT_CHANGE_NUMBER").is_some() && !is_merged
}

/// `retry` repeats inside of a build; "Rebuild" and "Replay" make another.
///
/// Not `BUILD_TAG` where the job's name is known: there the jobs `a/b` and `a-b` are one.
fn identity(environment: EnvVars<'_>) -> Option<Vec<String>> {
    let by_number =
        || environment.all(["JOB_NAME", "BUILD_NUMBER"]).or_else(|| environment.all(["JOB_NAME", "BUILD_ID"]));
    environment.all(["BUILD_URL"]).or_else(by_number).or_else(|| environment.all(["BUILD_TAG"]))
}

/// GIT_COMMIT of a pull request is its head or the merge with its target, as the project's strategy wants it.
fn head_of_pull_request(environment: EnvVars<'_>, is_checkout_of_other_ref: bool) -> HeadCommit {
    match environment.first(&["ghprbActualCommit", "gitlabMergeRequestLastCommit"]) {
        Some(value) => HeadCommit::Known(value),
        None if is_checkout_of_other_ref => COMMIT_OF_OTHER_REF,
        None => match environment.lookup("GIT_COMMIT") {
            Some(value) => HeadCommit::PossibleMerge(value),
            None => HeadCommit::Unknown("Jenkins does not name the head of a pull request"),
        },
    }
}

fn fork(environment: EnvVars<'_>) -> Fork {
    let path = |name: &str| environment.get(name).and_then(|url| repository_path(&url));
    if environment.get("CHANGE_ID").is_some() {
        // The branch-source plugins set it for pull requests from forks only.
        let fork = environment.lookup("CHANGE_FORK");
        return fork.map_or(Fork::No, |value| Fork::Yes(value.source.into_owned()));
    }
    if environment.get("ghprbPullId").is_some() {
        let here = environment.get("ghprbGhRepository").map(|slug| slug.to_ascii_lowercase());
        return Fork::between(path("ghprbAuthorRepoGitUrl"), here, "ghprbAuthorRepoGitUrl");
    }
    if environment.get("gitlabMergeRequestIid").is_some() {
        return Fork::between(
            path("gitlabSourceRepoHttpUrl"),
            path("gitlabTargetRepoHttpUrl"),
            "gitlabSourceRepoHttpUrl",
        );
    }
    Fork::Unknown("Jenkins names a pull request and not where it comes from")
}
