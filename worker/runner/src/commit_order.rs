use doorbell_messages::{BuildEnvironment, CommitId, RunnerExit};

use crate::ancestry::{is_ancestor, is_shallow, resolve_commit, tip};
use crate::error::RunnerError;
use crate::fetch::{FETCHED_REF, FetchDepth, fetch};
use crate::git::Git;

/// How the history is fetched, step by step, until each listed commit is decided.
const DEEPENING_STEPS: [FetchDepth; 3] = [FetchDepth::More(50), FetchDepth::More(500), FetchDepth::Rest];

/// Refuses a commit that is a strict ancestor of one that it must not overtake.
///
/// Listed commits that are not on the ref count for nothing: after a force push, what was built before is no newer. The
/// tip is older than no commit of its ref, so the most frequent build fetches nothing for this.
///
/// # Errors
/// The commit is older, or the history can't be fetched.
pub(crate) fn refuse_older_commit(
    git: &Git<'_>,
    build: &BuildEnvironment,
    commit: &CommitId,
) -> Result<(), RunnerError> {
    let mut undecided: Vec<&CommitId> = build.not_older_than.iter().filter(|listed| *listed != commit).collect();
    let mut steps = DEEPENING_STEPS.into_iter();
    loop {
        // Each fetch may move the ref: what it is now is what counts.
        if undecided.is_empty() || tip(git)? == *commit {
            return Ok(());
        }
        let mut still_undecided = Vec::new();
        for listed in undecided {
            match compare(git, commit, listed)? {
                Comparison::Older => return Err(older(commit, listed)),
                Comparison::NotOlder => {}
                Comparison::Unknown => still_undecided.push(listed),
            }
        }
        undecided = still_undecided;
        if !is_shallow(git)? {
            return Ok(());
        }
        if !undecided.is_empty() {
            let Some(depth) = steps.next() else { return Ok(()) };
            fetch(git, &build.git_ref, depth)?;
        }
    }
}

/// What the fetched part of the history says of two commits. A "no" from a part may be a "yes" from the whole.
enum Comparison {
    Older,
    NotOlder,
    Unknown,
}

fn compare(git: &Git<'_>, commit: &CommitId, listed: &CommitId) -> Result<Comparison, RunnerError> {
    if resolve_commit(git, listed.as_str())?.as_ref() != Some(listed) {
        return Ok(Comparison::Unknown);
    }
    if is_ancestor(git, listed.as_str(), commit.as_str())? {
        return Ok(Comparison::NotOlder);
    }
    let is_older = is_ancestor(git, commit.as_str(), listed.as_str())?;
    // A force push between two fetches leaves commits here that are no longer on the ref.
    let is_on_ref = is_older && is_ancestor(git, listed.as_str(), FETCHED_REF)?;
    Ok(if is_on_ref { Comparison::Older } else { Comparison::Unknown })
}

fn older(commit: &CommitId, listed: &CommitId) -> RunnerError {
    RunnerError::new(
        RunnerExit::OlderCommit,
        format!("commit {commit} is older than commit {listed}, which the same ref has built or is about to build"),
    )
}
