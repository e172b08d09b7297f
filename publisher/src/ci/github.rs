use std::path::Path;

use serde::Deserialize;

use super::{Build, BuildRef, Fork, HeadCommit, ReadFile, last_part};
use crate::environment::Environment;
use crate::found::Found;

/// The part of the event's file that matters here.
#[derive(Deserialize)]
struct Event {
    pull_request: PullRequest,
}

#[derive(Deserialize)]
struct PullRequest {
    number: u64,
    #[serde(default)]
    merged: Option<bool>,
    head: Side,
    base: Side,
}

#[derive(Deserialize)]
struct Side {
    sha: String,
    /// Null when a fork was deleted.
    repo: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

/// GitHub Actions, and Gitea's and Forgejo's, which set the same variables.
pub(super) fn read(environment: Environment<'_>, file: ReadFile<'_>) -> Build {
    let git_ref = environment.found("GITHUB_REF");
    let build = Build {
        project: environment.found("GITHUB_REPOSITORY").map(|found| found.map(last_part)),
        git_ref: git_ref.clone().and_then(BuildRef::of_full_name),
        commit: HeadCommit::of(environment.found("GITHUB_SHA")),
        url: environment
            .all(["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"])
            .map(|parts| Found::new(format!("{}/{}/actions/runs/{}", parts[0], parts[1], parts[2]), "GITHUB_RUN_ID")),
        identity: identity(environment),
        fork: Fork::No,
    };
    let event = environment.get("GITHUB_EVENT_NAME").unwrap_or_default();
    let on_merge_ref = git_ref.as_ref().is_some_and(|found| found.text.starts_with("refs/pull/"));
    // Run for a merged pull request, GITHUB_REF and GITHUB_SHA are the branch it went to. With pull_request_target they
    // always are, whatever the pull request's state.
    match (&*event, on_merge_ref) {
        ("pull_request" | "pull_request_target", _) | (_, true) => of_pull_request(build, git_ref, environment, file),
        _ => build,
    }
}

fn of_pull_request(build: Build, git_ref: Option<Found>, environment: Environment<'_>, file: ReadFile<'_>) -> Build {
    match environment.get("GITHUB_EVENT_PATH").and_then(|path| event(Path::new(&path), file)) {
        Some(pull_request) if pull_request.merged == Some(true) && build.git_ref.is_some() => build,
        Some(pull_request) => Build {
            git_ref: Some(BuildRef::PullRequest(in_event(pull_request.number.to_string(), "number"))),
            fork: fork(&pull_request),
            commit: HeadCommit::Known(in_event(pull_request.head.sha, "head.sha")),
            ..build
        },
        None => Build {
            git_ref: git_ref.and_then(number_of_merge_ref),
            commit: HeadCommit::Unknown("GITHUB_SHA is a merge commit, and the event's file can't be read"),
            fork: Fork::Unknown("the event's file (GITHUB_EVENT_PATH) can't be read"),
            ..build
        },
    }
}

fn event(path: &Path, file: ReadFile<'_>) -> Option<PullRequest> {
    let text = file(path).ok()?;
    serde_json::from_str::<Event>(&text).ok().map(|event| event.pull_request)
}

fn in_event(text: String, key: &str) -> Found {
    Found::new(text, format!("GITHUB_EVENT_PATH: pull_request.{key}"))
}

fn fork(pull_request: &PullRequest) -> Fork {
    let (head, base) = (&pull_request.head.repo, &pull_request.base.repo);
    match (head, base) {
        (Some(head), Some(base)) if head.full_name == base.full_name => Fork::No,
        _ => Fork::Yes("GITHUB_EVENT_PATH: pull_request.head.repo".to_owned()),
    }
}

/// `7` of `refs/pull/7/merge`.
fn number_of_merge_ref(found: Found) -> Option<BuildRef> {
    let number = found.text.strip_prefix("refs/pull/")?.split('/').next()?.to_owned();
    Some(BuildRef::PullRequest(Found::new(number, found.place)))
}

/// A person who presses "Re-run" means another build: the run keeps its id and counts its attempt up.
fn identity(environment: Environment<'_>) -> Option<Vec<String>> {
    let mut identity = environment.all(["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"])?;
    identity.push(environment.get("GITHUB_RUN_ATTEMPT").unwrap_or_else(|| "1".to_owned()));
    Some(identity)
}
