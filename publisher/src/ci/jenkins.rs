use super::repository::place_of;
use super::{Build, BuildRef, Fork, HeadCommit, last_part};
use crate::environment::Environment;
use crate::found::Found;

/// Jenkins: its git plugin, multibranch projects, and the ghprb and GitLab plugins for pull requests.
pub(super) fn read(environment: Environment<'_>) -> Build {
    let build = Build {
        project: environment.first(&["GIT_URL", "GIT_URL_1"]).map(|found| found.map(last_part)),
        git_ref: branch_or_tag(environment),
        commit: HeadCommit::of(environment.found("GIT_COMMIT")),
        url: environment.found("BUILD_URL"),
        // `retry` repeats inside of a build; "Rebuild" and "Replay" make another.
        identity: environment.all(["BUILD_URL"]),
        fork: Fork::No,
    };
    match environment.first(&["CHANGE_ID", "ghprbPullId", "gitlabMergeRequestIid"]) {
        Some(number) => Build {
            git_ref: Some(BuildRef::PullRequest(number)),
            commit: head_of_pull_request(environment),
            fork: fork(environment),
            ..build
        },
        None => build,
    }
}

fn branch_or_tag(environment: Environment<'_>) -> Option<BuildRef> {
    let tag = environment.found("TAG_NAME").map(BuildRef::Tag);
    let branch = || environment.found("GIT_BRANCH").and_then(without_remote);
    let other = || environment.first(&["GIT_LOCAL_BRANCH", "BRANCH_NAME"]);
    tag.or_else(|| branch().or_else(other).map(BuildRef::Branch))
}

/// The git plugin puts the remote before the branch, and `detached` in place of one.
fn without_remote(found: Found) -> Option<Found> {
    let branch = found.text.strip_prefix("origin/").unwrap_or(&found.text);
    (!matches!(branch, "HEAD" | "detached")).then(|| Found::new(branch, found.place))
}

/// GIT_COMMIT of a pull request is its head or the merge with its target, as the project's strategy wants it.
fn head_of_pull_request(environment: Environment<'_>) -> HeadCommit {
    match environment.first(&["ghprbActualCommit", "gitlabMergeRequestLastCommit"]) {
        Some(found) => HeadCommit::Known(found),
        None => match environment.found("GIT_COMMIT") {
            Some(found) => HeadCommit::MaybeMerge(found),
            None => HeadCommit::Unknown("Jenkins does not name the head of a pull request"),
        },
    }
}

fn fork(environment: Environment<'_>) -> Fork {
    let place = |name: &str| environment.get(name).map(|url| place_of(&url));
    if environment.get("CHANGE_ID").is_some() {
        // The branch-source plugins set it for pull requests from forks only.
        let fork = environment.found("CHANGE_FORK");
        return fork.map_or(Fork::No, |found| Fork::Yes(found.place.into_owned()));
    }
    if environment.get("ghprbPullId").is_some() {
        let here = environment.get("ghprbGhRepository").map(|slug| slug.to_ascii_lowercase());
        let from = place("ghprbAuthorRepoGitUrl").map(|place| place.split_once('/').unwrap_or_default().1.to_owned());
        return Fork::between(from, here, "ghprbAuthorRepoGitUrl");
    }
    Fork::between(place("gitlabSourceRepoHttpUrl"), place("gitlabTargetRepoHttpUrl"), "gitlabSourceRepoHttpUrl")
}
