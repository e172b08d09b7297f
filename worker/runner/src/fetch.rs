use doorbell_messages::GitRef;

use crate::error::RunnerError;
use crate::git::{Git, GitOutput};
use crate::git_failure::GitFailure;
use crate::log::log_line;
use crate::retry::run_with_retries;

/// Where the fetched ref is kept: outside of heads, tags and remotes, so that no other name can be mistaken for it.
pub(crate) const FETCHED_REF: &str = "refs/doorbell/ref";

/// How much of the ref's history one fetch brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FetchDepth {
    /// The newest commits only.
    Newest(u32),
    /// So many more than there are.
    More(u32),
    /// What is missing of it.
    Rest,
    /// All of it.
    Whole,
}

impl FetchDepth {
    fn argument(self) -> Option<String> {
        match self {
            Self::Newest(commits) => Some(format!("--depth={commits}")),
            Self::More(commits) => Some(format!("--deepen={commits}")),
            Self::Rest => Some("--unshallow".to_owned()),
            Self::Whole => None,
        }
    }
}

/// Fetches the ref, and nothing beside it. A host that cannot send a part of a history sends all of it.
///
/// # Errors
/// The ref can't be fetched.
pub(crate) fn fetch(git: &Git<'_>, git_ref: &GitRef, depth: FetchDepth) -> Result<(), RunnerError> {
    let mut output = run_fetch(git, git_ref, Some("--no-tags"), depth)?;
    if output.failure == GitFailure::ShallowUnsupported && depth != FetchDepth::Whole {
        log_line("the git host cannot send a part of a history: fetching all of it");
        output = run_fetch(git, git_ref, Some("--no-tags"), FetchDepth::Whole)?;
    }
    into_result(output, git_ref)
}

/// Fetches the tags that point into the history that was fetched.
///
/// # Errors
/// As [`fetch`].
pub(crate) fn fetch_tags(git: &Git<'_>, git_ref: &GitRef) -> Result<(), RunnerError> {
    into_result(run_fetch(git, git_ref, None, FetchDepth::Whole)?, git_ref)
}

fn run_fetch(
    git: &Git<'_>,
    git_ref: &GitRef,
    no_tags: Option<&str>,
    depth: FetchDepth,
) -> Result<GitOutput, RunnerError> {
    let refspec = format!("+{}:{FETCHED_REF}", git_ref.full());
    let depth = depth.argument();
    let args: Vec<&str> = ["fetch", "--quiet"]
        .into_iter()
        .chain(no_tags)
        .chain(["--no-write-fetch-head"])
        .chain(depth.as_deref())
        .chain(["--end-of-options", git.url.as_str(), &refspec])
        .collect();
    run_with_retries(git, &args)
}

fn into_result(output: GitOutput, git_ref: &GitRef) -> Result<(), RunnerError> {
    if output.failure == GitFailure::MissingRef {
        return Err(RunnerError::checkout(format!("{git_ref} is not in the repository")));
    }
    output.into_stdout(&format!("fetching {git_ref}")).map(drop)
}
