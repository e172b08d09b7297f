use std::path::Path;

use serde::Deserialize;

use super::{BuildRef, CiBuild, FileReader, Fork, HeadCommit, repository_name};
use crate::env_vars::EnvVars;
use crate::resolution::SourcedValue;

/// The part of the event's file that matters here.
#[derive(Deserialize)]
struct GithubEvent {
    pull_request: GithubPullRequest,
}

#[derive(Deserialize)]
struct GithubPullRequest {
    number: u64,
    #[serde(default)]
    merged: Option<bool>,
    head: GithubPullRequestSide,
    base: GithubPullRequestSide,
}

#[derive(Deserialize)]
struct GithubPullRequestSide {
    sha: String,
    /// Null when a fork was deleted.
    repo: Option<GithubRepository>,
}

#[derive(Deserialize)]
struct GithubRepository {
    full_name: String,
}

/// GitHub Actions, and Gitea's and Forgejo's, which set the same variables.
pub(super) fn read(environment: EnvVars<'_>, file: FileReader<'_>) -> CiBuild {
    let git_ref = environment.lookup("GITHUB_REF");
    let build = CiBuild {
        project: environment.lookup("GITHUB_REPOSITORY").map(|value| value.map(repository_name)),
        git_ref: git_ref.clone().and_then(BuildRef::from_full_name),
        commit: HeadCommit::from_variable(environment.lookup("GITHUB_SHA")),
        url: environment.all(["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"]).map(|parts| {
            SourcedValue::new(format!("{}/{}/actions/runs/{}", parts[0], parts[1], parts[2]), "GITHUB_RUN_ID")
        }),
        identity: identity(environment),
        fork: Fork::No,
    };
    let event = environment.get("GITHUB_EVENT_NAME").unwrap_or_default();
    let on_merge_ref = git_ref.as_ref().is_some_and(|value| value.text.starts_with("refs/pull/"));
    // Run for a merged pull request, GITHUB_REF and GITHUB_SHA are the branch it went to. With pull_request_target they
    // always are, whatever the pull request's state.
    match (&*event, on_merge_ref) {
        ("pull_request" | "pull_request_target", _) | (_, true) => {
            pull_request_build(build, git_ref, environment, file)
        }
        _ => build,
    }
}

fn pull_request_build(
    build: CiBuild,
    git_ref: Option<SourcedValue>,
    environment: EnvVars<'_>,
    file: FileReader<'_>,
) -> CiBuild {
    match environment.get("GITHUB_EVENT_PATH").and_then(|path| read_event(Path::new(&path), file)) {
        Some(pull_request) if pull_request.merged == Some(true) && build.git_ref.is_some() => build,
        Some(pull_request) => CiBuild {
            git_ref: Some(BuildRef::PullRequest(event_value(pull_request.number.to_string(), "number"))),
            fork: fork(&pull_request),
            commit: HeadCommit::Known(event_value(pull_request.head.sha, "head.sha")),
            ..build
        },
        None => CiBuild {
            git_ref: git_ref.and_then(merge_ref_number),
            commit: HeadCommit::Unknown("GITHUB_SHA is a merge commit, and the event's file can't be read"),
            fork: Fork::Unknown("the event's file (GITHUB_EVENT_PATH) can't be read"),
            ..build
        },
    }
}

fn read_event(path: &Path, file: FileReader<'_>) -> Option<GithubPullRequest> {
    let text = file(path).ok()?;
    serde_json::from_str::<GithubEvent>(&text).ok().map(|event| event.pull_request)
}

fn event_value(text: String, key: &str) -> SourcedValue {
    SourcedValue::new(text, format!("GITHUB_EVENT_PATH: pull_request.{key}"))
}

fn fork(pull_request: &GithubPullRequest) -> Fork {
    let (head, base) = (&pull_request.head.repo, &pull_request.base.repo);
    match (head, base) {
        (Some(head), Some(base)) if head.full_name == base.full_name => Fork::No,
        _ => Fork::Yes("GITHUB_EVENT_PATH: pull_request.head.repo".to_owned()),
    }
}

/// `7` of `refs/pull/7/merge`.
fn merge_ref_number(value: SourcedValue) -> Option<BuildRef> {
    let number = value.text.strip_prefix("refs/pull/")?.split('/').next()?.to_owned();
    Some(BuildRef::PullRequest(SourcedValue::new(number, value.source)))
}

/// A person who presses "Re-run" means another build: the run keeps its id and counts its attempt up.
fn identity(environment: EnvVars<'_>) -> Option<Vec<String>> {
    let mut identity = environment.all(["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"])?;
    identity.push(environment.get("GITHUB_RUN_ATTEMPT").unwrap_or_else(|| "1".to_owned()));
    Some(identity)
}
