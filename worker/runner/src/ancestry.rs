use doorbell_messages::{CommitId, CommitRule, GitRef, RunnerExit};

use crate::error::RunnerError;
use crate::git::Git;

/// Where the fetched ref is kept: outside of heads, tags and remotes, so that no other name can be mistaken for it.
pub(crate) const FETCHED_REF: &str = "refs/doorbell/ref";

/// How the history is fetched, step by step: most commits asked for are the tip or close to it.
const FETCH_DEPTHS: [&str; 4] = ["--depth=1", "--deepen=50", "--deepen=500", "--unshallow"];

/// Fetches the ref, and as much of its history as it takes to find the commit to build.
///
/// A git host serves the objects of forks and of unmerged pull requests through the parent repository. So a commit is
/// never fetched by its id, and to have its object is no proof: the proof is a path to it from the ref.
///
/// # Errors
/// The ref can't be fetched, or the commit is not on it.
pub(crate) fn find_commit(
    git: &Git<'_>,
    git_ref: &GitRef,
    requested: Option<&CommitId>,
    rule: CommitRule,
) -> Result<CommitId, RunnerError> {
    for step in FETCH_DEPTHS {
        fetch(git, git_ref, step)?;
        let tip = tip(git)?;
        let Some(requested) = requested.filter(|wanted| **wanted != tip) else { return Ok(tip) };
        if rule == CommitRule::Tip {
            return Err(not_on_ref(format!(
                "commit {requested} is not the tip of {git_ref}, which is {tip}; the project builds tips only"
            )));
        }
        // The ref may have moved between two fetches; whatever it is now is what counts.
        if is_ancestor(git, requested)? {
            return Ok(requested.clone());
        }
        if !is_shallow(git)? {
            break;
        }
    }
    let requested = requested.map_or_else(String::new, |wanted| format!("commit {wanted} is "));
    Err(not_on_ref(format!("{requested}neither the tip of {git_ref} nor among its ancestors")))
}

fn fetch(git: &Git<'_>, git_ref: &GitRef, step: &str) -> Result<(), RunnerError> {
    let refspec = format!("+{}:{FETCHED_REF}", git_ref.full());
    let fetch = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        step,
        "--end-of-options",
        git.url.as_str(),
        &refspec,
    ];
    let output = git.run_authorized(&fetch)?;
    if output.stderr_contains("couldn't find remote ref") {
        return Err(RunnerError::checkout(format!("{git_ref} is not in the repository")));
    }
    output.into_stdout(&format!("fetching {git_ref}")).map(drop)
}

/// The commit that the ref names, through an annotated tag if need be.
fn tip(git: &Git<'_>) -> Result<CommitId, RunnerError> {
    resolve_commit(git, FETCHED_REF)?
        .ok_or_else(|| RunnerError::checkout("the ref names something that is not a commit"))
}

/// Resolves a name to the commit behind it; `None` if there is none here.
pub(crate) fn resolve_commit(git: &Git<'_>, name: &str) -> Result<Option<CommitId>, RunnerError> {
    let output = git.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")])?;
    match output.status.code() {
        Some(0) => output
            .stdout
            .trim()
            .parse()
            .map(Some)
            .map_err(|error| RunnerError::checkout(format!("git rev-parse: {error}"))),
        Some(1) => Ok(None),
        _ => Err(output.to_error("git rev-parse")),
    }
}

fn is_ancestor(git: &Git<'_>, requested: &CommitId) -> Result<bool, RunnerError> {
    if resolve_commit(git, requested.as_str())?.is_none() {
        return Ok(false);
    }
    let output = git.run(&["merge-base", "--is-ancestor", "--end-of-options", requested.as_str(), FETCHED_REF])?;
    match output.status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(output.to_error("git merge-base")),
    }
}

fn is_shallow(git: &Git<'_>) -> Result<bool, RunnerError> {
    let output = git.run(&["rev-parse", "--is-shallow-repository"])?.into_stdout("git rev-parse")?;
    Ok(output.trim() == "true")
}

fn not_on_ref(reason: String) -> RunnerError {
    RunnerError::new(RunnerExit::CommitNotOnRef, reason)
}
