use doorbell_messages::text::printable_line;

use super::github_event::{GithubEvent, PullRequest};
use super::{BuildRef, CiBuild, CiRef, FileReader, Fork, HeadCommit, Vendor, repository_name};
use crate::env_vars::EnvVars;
use crate::resolution::SourcedValue;

/// GitHub Actions, and Gitea's and Forgejo's, which set the same variables.
pub(super) fn read(vendor: Vendor, environment: EnvVars<'_>, file: FileReader<'_>) -> CiBuild {
    let build = CiBuild {
        project: environment.lookup("GITHUB_REPOSITORY").map(|value| value.map(repository_name)),
        git_ref: full_ref(environment),
        commit: HeadCommit::from_variable(environment.lookup("GITHUB_SHA")),
        url: run_page(vendor, environment),
        identity: identity(environment),
        fork: Fork::No,
        notes: Vec::new(),
    };
    // Run for a merged pull request, GITHUB_REF and GITHUB_SHA are the branch it went to. With pull_request_target they
    // always are, in every state of the pull request.
    match &*environment.get("GITHUB_EVENT_NAME").unwrap_or_default() {
        "pull_request" | "pull_request_target" => pull_request_build(build, environment, file),
        _ if build.git_ref.is_pull_request() => pull_request_build(build, environment, file),
        "workflow_run" => started_by_run(build, environment, file),
        _ => build,
    }
}

/// GITHUB_REF, which is set for every event but a deployment that was made of a commit.
fn full_ref(environment: EnvVars<'_>) -> CiRef {
    match environment.lookup("GITHUB_REF").map(BuildRef::from_full_name) {
        Some(parsed) => CiRef::from_parsed(parsed),
        None => CiRef::Unknown("GITHUB_REF is not set".to_owned()),
    }
}

/// Forgejo counts the runs of a repository in its pages, and GitHub those of all. Gitea did the former until 1.26 and
/// then the latter, and no variable has its version: no page is better than that of another run.
fn run_page(vendor: Vendor, environment: EnvVars<'_>) -> Option<SourcedValue> {
    let variable = match vendor {
        Vendor::Gitea => return None,
        Vendor::Forgejo => "GITHUB_RUN_NUMBER",
        _ => "GITHUB_RUN_ID",
    };
    let parts = environment.all(["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", variable])?;
    Some(SourcedValue::new(format!("{}/{}/actions/runs/{}", parts[0], parts[1], parts[2]), variable))
}

fn pull_request_build(build: CiBuild, environment: EnvVars<'_>, file: FileReader<'_>) -> CiBuild {
    match GithubEvent::read(environment, file).and_then(|event| event.pull_request) {
        Some(pull_request) if pull_request.is_merged() && is_branch(&build.git_ref) => build,
        Some(pull_request) => of_pull_request(build, &pull_request),
        None => CiBuild {
            git_ref: match build.git_ref.is_pull_request() {
                true => build.git_ref,
                false => CiRef::Unknown("the event's file (GITHUB_EVENT_PATH) cannot be read".to_owned()),
            },
            commit: HeadCommit::Unknown("GITHUB_SHA is a merge commit, and the event's file cannot be read"),
            fork: Fork::Unknown("the event's file (GITHUB_EVENT_PATH) cannot be read"),
            ..build
        },
    }
}

fn is_branch(git_ref: &CiRef) -> bool {
    matches!(git_ref, CiRef::Known(BuildRef::Branch(_)))
}

fn of_pull_request(build: CiBuild, pull_request: &PullRequest) -> CiBuild {
    CiBuild {
        git_ref: CiRef::Known(BuildRef::PullRequest(pull_request.number())),
        fork: pull_request.fork(),
        commit: HeadCommit::Known(pull_request.head()),
        ..build
    }
}

/// A run that another one's end has started: GITHUB_REF is the default branch, also if the other was not of it, and a
/// fork's pull request is enough to start it.
fn started_by_run(build: CiBuild, environment: EnvVars<'_>, file: FileReader<'_>) -> CiBuild {
    let Some(event) = GithubEvent::read(environment, file) else {
        return CiBuild { fork: Fork::Unknown("the event's file (GITHUB_EVENT_PATH) cannot be read"), ..build };
    };
    let run = event.workflow_run.as_ref();
    let branch = run.and_then(|run| run.head_branch.as_deref()).unwrap_or_default();
    let commit = run.and_then(|run| run.head_sha.as_deref()).unwrap_or_default();
    let is_of_same_ref = build.git_ref.known().is_some_and(|found| found.value().text == branch);
    let is_of_same_commit = environment.get("GITHUB_SHA").is_some_and(|here| here == commit);
    let notes = match is_of_same_ref && is_of_same_commit {
        true => Vec::new(),
        false => vec![format!(
            "GITHUB_REF and GITHUB_SHA are used; the run that started this one was of branch \"{}\" at {}",
            printable_line(branch),
            printable_line(commit)
        )],
    };
    CiBuild { fork: event.fork_of_workflow_run(), notes, ..build }
}

/// A person who presses "Re-run" means another build: the run keeps its id and counts its attempt up.
fn identity(environment: EnvVars<'_>) -> Option<Vec<String>> {
    let mut identity = environment.all(["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"])?;
    identity.push(environment.get("GITHUB_RUN_ATTEMPT").unwrap_or_else(|| "1".to_owned()));
    Some(identity)
}
