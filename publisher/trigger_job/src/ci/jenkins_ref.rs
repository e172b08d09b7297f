use super::build_ref::pull_request_number;
use super::{BuildRef, CiRef};
use crate::env_vars::EnvVars;
use crate::resolution::SourcedValue;

/// The ref of a Jenkins build, as its plugins name it.
pub(super) struct JenkinsRef {
    pub(super) git_ref: CiRef,
    pub(super) notes: Vec<String>,
    /// GIT_BRANCH is of another ref, and with it GIT_COMMIT: the last checkout was of another repository, perhaps of a
    /// shared library.
    pub(super) is_checkout_of_other_ref: bool,
}

impl JenkinsRef {
    /// The job's own variables, which a checkout does not change, come before those of the git plugin.
    pub(super) fn read(environment: EnvVars<'_>) -> Self {
        let checkout = checkout_ref(environment);
        let Some(job) = job_ref(environment) else {
            let git_ref = match checkout {
                Some(parsed) => CiRef::from_parsed(parsed),
                None => CiRef::None("Jenkins names no branch"),
            };
            return Self { git_ref, notes: Vec::new(), is_checkout_of_other_ref: false };
        };
        let is_multibranch = environment.get("BRANCH_NAME").is_some();
        let is_own = |found: BuildRef| is_checkout_of(&found, &job, is_multibranch);
        let is_other = checkout.is_some_and(|checkout| !checkout.is_ok_and(is_own));
        let other = environment.lookup("GIT_BRANCH").filter(|_| is_other);
        Self {
            notes: other.map(|value| job.note_against(&value)).into_iter().collect(),
            git_ref: CiRef::Known(job),
            is_checkout_of_other_ref: is_other,
        }
    }
}

/// The ref of a pull request's plugin or of a multibranch project.
fn job_ref(environment: EnvVars<'_>) -> Option<BuildRef> {
    let number = environment.first(&["CHANGE_ID", "ghprbPullId", "gitlabMergeRequestIid"]);
    let tag = || environment.lookup("TAG_NAME").map(BuildRef::Tag);
    let branch = || environment.lookup("BRANCH_NAME").map(BuildRef::Branch);
    number.map(BuildRef::PullRequest).or_else(tag).or_else(|| branch().map(or_multibranch_pull_request))
}

/// A multibranch project calls the branch of a pull request PR-7 or MR-7.
fn or_multibranch_pull_request(branch: BuildRef) -> BuildRef {
    let value = branch.value();
    match pull_request_number(&value.text, &["PR-", "MR-"]) {
        Some(number) if !value.text.contains('/') => {
            BuildRef::PullRequest(SourcedValue::new(number, value.source.clone()))
        }
        _ => branch,
    }
}

/// The ref that the git plugin checked out, or why it cannot be read.
fn checkout_ref(environment: EnvVars<'_>) -> Option<Result<BuildRef, String>> {
    let local = environment.lookup("GIT_LOCAL_BRANCH");
    let value = environment.lookup("GIT_BRANCH").map(|value| without_remote(value, local.as_ref()));
    // The plugin sets `detached` without a branch.
    let value = value.filter(|value| !matches!(&*value.text, "HEAD" | "detached")).or(local)?;
    Some(parse_checkout(value))
}

/// The plugin puts the remote before the branch: `origin`, or another name, which only a local branch shows.
fn without_remote(value: SourcedValue, local: Option<&SourcedValue>) -> SourcedValue {
    let is_of_remote = |local: &&SourcedValue| value.text.strip_suffix(&*local.text).is_some_and(is_one_component);
    match (value.text.strip_prefix("origin/"), local.filter(is_of_remote)) {
        (Some(branch), _) => SourcedValue::new(branch, value.source),
        (None, Some(local)) => SourcedValue::new(local.text.clone(), value.source),
        (None, None) => value,
    }
}

/// `upstream/`, and no name with more slashes.
fn is_one_component(text: &str) -> bool {
    text.strip_suffix('/').is_some_and(|remote| !remote.is_empty() && !remote.contains('/'))
}

/// Refspecs of pull requests fetch them as branches of the remote.
fn parse_checkout(value: SourcedValue) -> Result<BuildRef, String> {
    const PREFIXES: [&str; 4] = ["pr/", "pull/", "merge-requests/", "pull-requests/"];
    match pull_request_number(&value.text, &PREFIXES) {
        Some(number) => Ok(BuildRef::PullRequest(SourcedValue::new(number, value.source))),
        None => BuildRef::from_branch(value).map(or_multibranch_pull_request),
    }
}

/// Whether the checkout is of the job's own ref. A tag's has its bare name there.
fn is_checkout_of(checkout: &BuildRef, job: &BuildRef, is_multibranch: bool) -> bool {
    let (found, want) = (&*checkout.value().text, &*job.value().text);
    match (checkout, job) {
        (BuildRef::Branch(_), BuildRef::Tag(_)) => found.strip_prefix("tags/").unwrap_or(found) == want,
        // The plugins for pull requests check out the branch that it comes from; in a multibranch project it is PR-7.
        (BuildRef::Branch(_), BuildRef::PullRequest(_)) => !is_multibranch,
        _ => checkout.is_same(job),
    }
}
