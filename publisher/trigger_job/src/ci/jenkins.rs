use super::repository::canonical_location;
use super::{BuildRef, CiBuild, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;
use crate::resolution::SourcedValue;

/// Jenkins: its git plugin, multibranch projects, and the ghprb and GitLab plugins for pull requests.
pub(super) fn read(environment: EnvVars<'_>) -> CiBuild {
    let build = CiBuild {
        project: environment.first(&["GIT_URL", "GIT_URL_1"]).map(|value| value.map(repository_name)),
        git_ref: branch_or_tag(environment),
        commit: HeadCommit::from_variable(environment.lookup("GIT_COMMIT")),
        url: environment.lookup("BUILD_URL"),
        // `retry` repeats inside of a build; "Rebuild" and "Replay" make another.
        identity: environment.all(["BUILD_URL"]),
        fork: Fork::No,
    };
    match environment.first(&["CHANGE_ID", "ghprbPullId", "gitlabMergeRequestIid"]) {
        Some(number) => CiBuild {
            git_ref: Some(BuildRef::PullRequest(number)),
            commit: head_of_pull_request(environment),
            fork: fork(environment),
            ..build
        },
        None => build,
    }
}

fn branch_or_tag(environment: EnvVars<'_>) -> Option<BuildRef> {
    let tag = environment.lookup("TAG_NAME").map(BuildRef::Tag);
    let branch = || environment.lookup("GIT_BRANCH").and_then(without_remote);
    let other = || environment.first(&["GIT_LOCAL_BRANCH", "BRANCH_NAME"]);
    tag.or_else(|| branch().or_else(other).map(BuildRef::Branch))
}

/// The git plugin puts the remote before the branch, and sets `detached` without one.
fn without_remote(value: SourcedValue) -> Option<SourcedValue> {
    let branch = value.text.strip_prefix("origin/").unwrap_or(&value.text);
    (!matches!(branch, "HEAD" | "detached")).then(|| SourcedValue::new(branch, value.source))
}

/// GIT_COMMIT of a pull request is its head or the merge with its target, as the project's strategy wants it.
fn head_of_pull_request(environment: EnvVars<'_>) -> HeadCommit {
    match environment.first(&["ghprbActualCommit", "gitlabMergeRequestLastCommit"]) {
        Some(value) => HeadCommit::Known(value),
        None => match environment.lookup("GIT_COMMIT") {
            Some(value) => HeadCommit::PossibleMerge(value),
            None => HeadCommit::Unknown("Jenkins does not name the head of a pull request"),
        },
    }
}

fn fork(environment: EnvVars<'_>) -> Fork {
    let location = |name: &str| environment.get(name).map(|url| canonical_location(&url));
    if environment.get("CHANGE_ID").is_some() {
        // The branch-source plugins set it for pull requests from forks only.
        let fork = environment.lookup("CHANGE_FORK");
        return fork.map_or(Fork::No, |value| Fork::Yes(value.source.into_owned()));
    }
    if environment.get("ghprbPullId").is_some() {
        let here = environment.get("ghprbGhRepository").map(|slug| slug.to_ascii_lowercase());
        let from =
            location("ghprbAuthorRepoGitUrl").map(|location| location.split_once('/').unwrap_or_default().1.to_owned());
        return Fork::between(from, here, "ghprbAuthorRepoGitUrl");
    }
    Fork::between(location("gitlabSourceRepoHttpUrl"), location("gitlabTargetRepoHttpUrl"), "gitlabSourceRepoHttpUrl")
}
