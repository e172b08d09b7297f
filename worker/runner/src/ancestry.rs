use doorbell_messages::{CommitId, CommitRule, GitRef, RunnerExit};

use crate::failure::Failure;
use crate::git::Git;

/// Where the fetched ref is kept: outside of heads, tags and remotes, so that no other name can be mistaken for it.
pub(crate) const FETCHED_REF: &str = "refs/doorbell/ref";

/// How the history is fetched, step by step: most commits asked for are the tip or close to it.
const STEPS: [&str; 4] = ["--depth=1", "--deepen=50", "--deepen=500", "--unshallow"];

/// Fetches the ref, and as much of its history as it takes to find the commit to build.
///
/// A git host serves the objects of forks and of unmerged pull requests through the parent repository. So a commit is
/// never fetched by its id, and to have its object is no proof: the proof is a path to it from the ref.
///
/// # Errors
/// The ref can't be fetched, or the commit is not on it.
pub(crate) fn find(
    git: &Git<'_>,
    git_ref: &GitRef,
    wanted: Option<&CommitId>,
    rule: CommitRule,
) -> Result<CommitId, Failure> {
    for step in STEPS {
        fetch(git, git_ref, step)?;
        let tip = tip(git)?;
        let Some(wanted) = wanted.filter(|wanted| **wanted != tip) else { return Ok(tip) };
        if rule == CommitRule::Tip {
            return Err(not_on_ref(format!(
                "commit {wanted} is not the tip of {git_ref}, which is {tip}; the project builds tips only"
            )));
        }
        // The ref may have moved between two fetches; whatever it is now is what counts.
        if is_ancestor(git, wanted)? {
            return Ok(wanted.clone());
        }
        if !is_shallow(git)? {
            break;
        }
    }
    let wanted = wanted.map_or_else(String::new, |wanted| format!("commit {wanted} is "));
    Err(not_on_ref(format!("{wanted}neither the tip of {git_ref} nor among its ancestors")))
}

fn fetch(git: &Git<'_>, git_ref: &GitRef, step: &str) -> Result<(), Failure> {
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
    let answer = git.run_authorized(&fetch)?;
    if answer.says("couldn't find remote ref") {
        return Err(Failure::checkout(format!("{git_ref} is not in the repository")));
    }
    answer.succeeded(&format!("fetching {git_ref}")).map(drop)
}

/// The commit that the ref names, through an annotated tag if need be.
fn tip(git: &Git<'_>) -> Result<CommitId, Failure> {
    commit(git, FETCHED_REF)?.ok_or_else(|| Failure::checkout("the ref names something that is not a commit"))
}

/// Resolves a name to the commit behind it; `None` if there is none here.
pub(crate) fn commit(git: &Git<'_>, name: &str) -> Result<Option<CommitId>, Failure> {
    let answer = git.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")])?;
    match answer.status.code() {
        Some(0) => {
            answer.stdout.trim().parse().map(Some).map_err(|error| Failure::checkout(format!("git rev-parse: {error}")))
        }
        Some(1) => Ok(None),
        _ => Err(answer.failure("git rev-parse")),
    }
}

fn is_ancestor(git: &Git<'_>, wanted: &CommitId) -> Result<bool, Failure> {
    if commit(git, wanted.as_str())?.is_none() {
        return Ok(false);
    }
    let answer = git.run(&["merge-base", "--is-ancestor", "--end-of-options", wanted.as_str(), FETCHED_REF])?;
    match answer.status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(answer.failure("git merge-base")),
    }
}

fn is_shallow(git: &Git<'_>) -> Result<bool, Failure> {
    let answer = git.run(&["rev-parse", "--is-shallow-repository"])?.succeeded("git rev-parse")?;
    Ok(answer.trim() == "true")
}

fn not_on_ref(reason: String) -> Failure {
    Failure::new(RunnerExit::CommitNotOnRef, reason)
}
