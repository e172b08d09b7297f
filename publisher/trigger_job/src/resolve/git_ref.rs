use doorbell_messages::{GitRef, RefName};

use super::{Resolver, parse_value};
use crate::ci::{BuildRef, Vendor};
use crate::failure::TriggerFailure;
use crate::resolution::{Resolution, SourcedValue};
use doorbell_messages::text::{invalid, printable_line};

/// Set by Jenkins for every build, and read by iwomp-in-aws.
const GIT_BRANCH: &str = "GIT_BRANCH";

/// A ref and its source: a commit belongs to the ref of the same source.
pub(crate) struct ResolvedRef {
    pub(crate) git_ref: Resolution<GitRef>,
    pub(super) is_from_checkout: bool,
}

impl ResolvedRef {
    fn not_from_checkout(git_ref: Resolution<GitRef>) -> Self {
        Self { git_ref, is_from_checkout: false }
    }
}

impl Resolver<'_> {
    pub(crate) fn git_ref(&mut self) -> Result<ResolvedRef, TriggerFailure> {
        let arguments = self.arguments;
        let branch = arguments.branch.as_deref().filter(|text| !text.is_empty());
        match (branch, arguments.tag.as_deref(), arguments.pull_request.as_deref()) {
            (branch, None, None) => self.branch(branch),
            (None, Some(tag), _) => from_tag(&SourcedValue::new(tag, "--tag")).map(ResolvedRef::not_from_checkout),
            (None, None, Some(number)) => {
                from_pull_request(&SourcedValue::new(number, "--pull-request")).map(ResolvedRef::not_from_checkout)
            }
            (Some(_), ..) => {
                Err(TriggerFailure::invalid_value("BRANCH", "give only one of BRANCH, --tag and --pull-request"))
            }
        }
    }

    fn branch(&mut self, argument: Option<&str>) -> Result<ResolvedRef, TriggerFailure> {
        // On Jenkins GIT_BRANCH is what Jenkins says, to be weighed with the rest of it.
        let iwomp_variable = (self.vendor() != Some(Vendor::Jenkins)).then_some(GIT_BRANCH);
        match self.explicit_value("BRANCH", argument, "DOORBELL_BRANCH", iwomp_variable) {
            Some(found) => from_explicit(&found).map(ResolvedRef::not_from_checkout),
            None => match self.build().and_then(|build| build.git_ref.as_ref()) {
                Some(build_ref) => from_ci_build(build_ref).map(ResolvedRef::not_from_checkout),
                None => self.branch_from_checkout_or_file(),
            },
        }
    }

    fn branch_from_checkout_or_file(&self) -> Result<ResolvedRef, TriggerFailure> {
        match (self.checkout.branch(), self.config_file.branch()) {
            (Ok(text), _) => {
                let git_ref = from_branch(&SourcedValue::new(text, "git: the branch checked out"))?;
                Ok(ResolvedRef { git_ref, is_from_checkout: true })
            }
            (Err(_), Some(found)) => from_branch(&found).map(ResolvedRef::not_from_checkout),
            (Err(why), None) => Ok(ResolvedRef::not_from_checkout(missing_branch(&why))),
        }
    }
}

fn from_explicit(found: &SourcedValue) -> Result<Resolution<GitRef>, TriggerFailure> {
    if found.source != GIT_BRANCH {
        return from_branch(found);
    }
    match without_remote(&found.text) {
        Some(branch) => from_branch(&SourcedValue::new(branch, GIT_BRANCH)),
        None => {
            Ok(missing_branch(&format!("GIT_BRANCH is \"{}\", a checkout of a commit", printable_line(&found.text))))
        }
    }
}

fn missing_branch(why: &str) -> Resolution<GitRef> {
    Resolution::missing(format!(
        "no branch is known, as {why}: give it as the second argument or in DOORBELL_BRANCH, or use --tag or --pull-request"
    ))
}

pub(super) fn from_ci_build(build_ref: &BuildRef) -> Result<Resolution<GitRef>, TriggerFailure> {
    match build_ref {
        BuildRef::Branch(found) => from_branch(found),
        BuildRef::Tag(found) => from_tag(found),
        BuildRef::PullRequest(found) => from_pull_request(found),
    }
}

fn from_tag(found: &SourcedValue) -> Result<Resolution<GitRef>, TriggerFailure> {
    Ok(parse_value(found)?.map(GitRef::Tag))
}

fn from_pull_request(found: &SourcedValue) -> Result<Resolution<GitRef>, TriggerFailure> {
    Ok(parse_value(found)?.map(GitRef::PullRequest))
}

/// Some CIs only have the full name of the ref at hand; taken as it is, it would name the branch
/// `refs/heads/refs/heads/x`.
fn from_branch(found: &SourcedValue) -> Result<Resolution<GitRef>, TriggerFailure> {
    let name = found.text.strip_prefix("refs/heads/").unwrap_or(&found.text);
    if name.starts_with("refs/") {
        let rule = invalid(name, "a branch; for another ref use --tag or --pull-request");
        return Err(TriggerFailure::invalid_value(&found.source, rule));
    }
    let name: RefName = name.parse().map_err(|rule: String| TriggerFailure::invalid_value(&found.source, rule))?;
    Ok(Resolution::Found { value: GitRef::Branch(name), source: found.source.clone() })
}

/// Jenkins puts the remote before the branch, and sets `detached` without one. A branch that is really called
/// `origin/x` can be named in `DOORBELL_BRANCH` or as the argument.
pub(super) fn without_remote(text: &str) -> Option<&str> {
    let branch = text.strip_prefix("origin/").unwrap_or(text);
    (!matches!(branch, "HEAD" | "detached")).then_some(branch)
}
