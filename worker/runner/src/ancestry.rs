use doorbell_messages::{BuildEnvironment, CheckoutHistory, CommitId, CommitRule, GitRef, RunnerExit};

use crate::error::RunnerError;
use crate::fetch::{FETCHED_REF, FetchDepth, fetch};
use crate::git::Git;

/// Fetches the ref, and as much of its history as it takes to find the commit to build.
///
/// A git host serves the objects of forks and of unmerged pull requests through the parent repository. So a commit is
/// never fetched by its id, and to have its object is no proof: the proof is a path to it from the ref.
///
/// # Errors
/// The ref can't be fetched, or the commit is not on it.
pub(crate) fn find_commit(git: &Git<'_>, build: &BuildEnvironment) -> Result<CommitId, RunnerError> {
    let git_ref = &build.git_ref;
    for depth in fetch_depths(build.checkout.history()) {
        fetch(git, git_ref, depth)?;
        let tip = tip(git)?;
        let requested = build.commit.as_ref().filter(|requested| **requested != tip);
        let Some(requested) = requested else { return Ok(tip) };
        if is_tag_object_of(git, git_ref, requested)? {
            return Ok(tip);
        }
        if build.commit_rule == CommitRule::Tip {
            return Err(not_on_ref(format!(
                "commit {requested} is not the tip of {git_ref}, which is {tip}; the project builds tips only"
            )));
        }
        // The ref may have moved between two fetches; its tip as of now is what counts.
        if is_on_ref(git, requested)? {
            deepen_history(git, build, requested)?;
            return Ok(requested.clone());
        }
        if !is_shallow(git)? {
            break;
        }
    }
    let requested = build.commit.as_ref().map_or_else(String::new, |requested| format!("commit {requested} is "));
    Err(not_on_ref(format!("{requested}neither the tip of {git_ref} nor among its ancestors")))
}

/// How the history is fetched, step by step: most commits asked for are the tip or close to it.
fn fetch_depths(history: CheckoutHistory) -> Vec<FetchDepth> {
    match history {
        CheckoutHistory::Whole => vec![FetchDepth::Whole],
        CheckoutHistory::Commits(commits) => {
            vec![FetchDepth::Newest(commits), FetchDepth::More(50), FetchDepth::More(500), FetchDepth::Rest]
        }
    }
}

/// Brings as many commits before an ancestor of the tip as the project asks for.
fn deepen_history(git: &Git<'_>, build: &BuildEnvironment, commit: &CommitId) -> Result<(), RunnerError> {
    let CheckoutHistory::Commits(wanted @ 2..) = build.checkout.history() else { return Ok(()) };
    let max_count = format!("--max-count={wanted}");
    let count = git.run(&["rev-list", "--count", &max_count, "--end-of-options", commit.as_str()])?;
    let count: u32 = count.into_stdout("git rev-list")?.trim().parse().unwrap_or(0);
    if count < wanted && is_shallow(git)? { fetch(git, &build.git_ref, FetchDepth::More(wanted)) } else { Ok(()) }
}

/// The commit that the ref names, through an annotated tag if need be.
pub(crate) fn tip(git: &Git<'_>) -> Result<CommitId, RunnerError> {
    resolve_commit(git, FETCHED_REF)?
        .ok_or_else(|| RunnerError::checkout("the ref names something that is not a commit"))
}

/// Whether the id is that of the tag itself: some CIs give an annotated tag's own object in place of its commit.
///
/// A tag may lead to its commit through other tags; each of them counts.
fn is_tag_object_of(git: &Git<'_>, git_ref: &GitRef, requested: &CommitId) -> Result<bool, RunnerError> {
    const MAX_NESTED_TAGS: usize = 10;
    if !matches!(git_ref, GitRef::Tag(_)) {
        return Ok(false);
    }
    let mut object = Some(fetched_object(git)?);
    for _ in 0..MAX_NESTED_TAGS {
        match object {
            None => return Ok(false),
            Some(object) if object == *requested => return Ok(true),
            Some(tag) => object = tagged_object(git, &tag)?,
        }
    }
    Ok(false)
}

/// The object that the fetched ref names itself.
pub(crate) fn fetched_object(git: &Git<'_>) -> Result<CommitId, RunnerError> {
    let output = git.run(&["rev-parse", "--verify", "--end-of-options", FETCHED_REF])?;
    parse_id(&output.into_stdout("git rev-parse")?)
}

/// What a tag object points to; `None` if the object is no tag.
fn tagged_object(git: &Git<'_>, object: &CommitId) -> Result<Option<CommitId>, RunnerError> {
    let kind = git.run(&["cat-file", "-t", object.as_str()])?.into_stdout("git cat-file")?;
    if kind.trim() != "tag" {
        return Ok(None);
    }
    let tag = git.run(&["cat-file", "tag", object.as_str()])?.into_stdout("git cat-file")?;
    // The first line: the rest, a message included, is its author's.
    let id = tag.lines().next().and_then(|line| line.strip_prefix("object ")).unwrap_or_default();
    parse_id(id).map(Some)
}

/// Resolves a name to the commit behind it; `None` if there is none here.
pub(crate) fn resolve_commit(git: &Git<'_>, name: &str) -> Result<Option<CommitId>, RunnerError> {
    let output = git.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")])?;
    match output.status.code() {
        Some(0) => parse_id(&output.stdout).map(Some),
        Some(1) => Ok(None),
        _ => Err(output.to_error("git rev-parse")),
    }
}

fn parse_id(text: &str) -> Result<CommitId, RunnerError> {
    text.trim()
        .parse()
        .map_err(|error| RunnerError::checkout(format!("git named an object in an unknown way: {error}")))
}

fn is_on_ref(git: &Git<'_>, requested: &CommitId) -> Result<bool, RunnerError> {
    // A tag object resolves to another id: it is no commit, wherever it leads.
    if resolve_commit(git, requested.as_str())?.as_ref() != Some(requested) {
        return Ok(false);
    }
    is_ancestor(git, requested.as_str(), FETCHED_REF)
}

/// Whether the fetched history has a path from `descendant` back to `ancestor`. Each commit is its own ancestor.
pub(crate) fn is_ancestor(git: &Git<'_>, ancestor: &str, descendant: &str) -> Result<bool, RunnerError> {
    let output = git.run(&["merge-base", "--is-ancestor", "--end-of-options", ancestor, descendant])?;
    match output.status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(output.to_error("git merge-base")),
    }
}

pub(crate) fn is_shallow(git: &Git<'_>) -> Result<bool, RunnerError> {
    let output = git.run(&["rev-parse", "--is-shallow-repository"])?.into_stdout("git rev-parse")?;
    Ok(output.trim() == "true")
}

fn not_on_ref(reason: String) -> RunnerError {
    RunnerError::new(RunnerExit::CommitNotOnRef, reason)
}
