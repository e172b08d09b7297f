use doorbell_messages::GitRef;

use super::{Resolver, parse_value};
use crate::ci::{BuildRef, CiRef, Vendor};
use crate::resolution::{Resolution, SourcedValue};
use doorbell_messages::text::{invalid, printable_line};

/// Set by Jenkins for every build, read by iwomp-in-aws, and set in many CIs' files for a coverage or contract tool.
const GIT_BRANCH: &str = "GIT_BRANCH";

/// The variables that only iwomp-in-aws' users set.
const IWOMP_VARIABLES: [&str; 2] = ["IWOMPINAWS_PROJECT", "IWOMPINAWS_TOPIC_ARN"];

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
    pub(crate) fn git_ref(&mut self) -> ResolvedRef {
        let arguments = self.arguments;
        let branch = arguments.branch.as_deref().filter(|text| !text.is_empty());
        match (branch, arguments.tag.as_deref(), arguments.pull_request.as_deref()) {
            (branch, None, None) => self.branch(branch),
            (None, Some(tag), _) => ResolvedRef::not_from_checkout(from_tag(&SourcedValue::new(tag, "--tag"))),
            (None, None, Some(number)) => {
                ResolvedRef::not_from_checkout(from_pull_request(&SourcedValue::new(number, "--pull-request")))
            }
            (Some(_), ..) => ResolvedRef::not_from_checkout(Resolution::invalid(
                "BRANCH",
                "give only one of BRANCH, --tag and --pull-request",
            )),
        }
    }

    fn branch(&mut self, argument: Option<&str>) -> ResolvedRef {
        // On Jenkins GIT_BRANCH is what Jenkins says, to be weighed with the rest of it.
        let iwomp_variable = (self.vendor() != Some(Vendor::Jenkins)).then_some(GIT_BRANCH);
        if let Some(found) = self.explicit_value("BRANCH", argument, "DOORBELL_BRANCH", iwomp_variable) {
            return ResolvedRef::not_from_checkout(from_branch(&found));
        }
        let Some((vendor, build)) = self.ci_build.clone() else {
            return match self.environment.lookup(GIT_BRANCH) {
                Some(found) => ResolvedRef::not_from_checkout(from_git_branch(&found)),
                None => self.branch_from_checkout_or_file(),
            };
        };
        match build.git_ref {
            CiRef::Known(build_ref) if vendor == Vendor::Jenkins => {
                self.notes.extend(build.notes);
                ResolvedRef::not_from_checkout(from_ci_build(&build_ref))
            }
            CiRef::Known(build_ref) => {
                self.notes.extend(build.notes);
                ResolvedRef::not_from_checkout(self.beside_git_branch(&build_ref))
            }
            CiRef::Unknown(why) | CiRef::Other(why) => ResolvedRef::not_from_checkout(missing_branch(&why)),
            CiRef::None(why) => self.branch_from_checkout(why),
        }
    }

    /// The CI's own ref. GIT_BRANCH is another tool's there, unless variables of iwomp-in-aws stand beside it and both
    /// name a branch.
    fn beside_git_branch(&mut self, build_ref: &BuildRef) -> Resolution<GitRef> {
        let Some(value) = self.environment.lookup(GIT_BRANCH) else { return from_ci_build(build_ref) };
        let other = BuildRef::from_branch(value.clone());
        if other.as_ref().is_ok_and(|other| other.is_same(build_ref)) {
            return from_ci_build(build_ref);
        }
        if let (Ok(other), BuildRef::Branch(of_ci)) = (&other, build_ref)
            && self.environment.first(&IWOMP_VARIABLES).is_some()
            && let branch @ Resolution::Found { .. } = from_ci_build(other)
        {
            self.notes.push(other.note_against(of_ci));
            return branch;
        }
        self.notes
            .push(format!("{}: in a CI that names its ref, GIT_BRANCH is not read", build_ref.note_against(&value)));
        from_ci_build(build_ref)
    }

    /// The branch checked out, in a CI that names none. Not the file's: what a CI builds is no default.
    fn branch_from_checkout(&self, why: &str) -> ResolvedRef {
        match self.checkout.branch() {
            Ok(text) => from_checked_out(text),
            Err(also) => ResolvedRef::not_from_checkout(missing_branch(&format!("{why} and {also}"))),
        }
    }

    fn branch_from_checkout_or_file(&self) -> ResolvedRef {
        match (self.checkout.branch(), self.config_file.branch()) {
            (Ok(text), _) => from_checked_out(text),
            (Err(_), Some(found)) => ResolvedRef::not_from_checkout(from_branch(&found)),
            (Err(why), None) => ResolvedRef::not_from_checkout(missing_branch(&why)),
        }
    }
}

fn from_checked_out(branch: String) -> ResolvedRef {
    let git_ref = from_branch(&SourcedValue::new(branch, "git: the branch checked out"));
    ResolvedRef { git_ref, is_from_checkout: true }
}

fn from_git_branch(found: &SourcedValue) -> Resolution<GitRef> {
    match without_remote(&found.text) {
        Some(branch) => from_branch(&SourcedValue::new(branch, GIT_BRANCH)),
        None => missing_branch(&format!("GIT_BRANCH is \"{}\", a checkout of a commit", printable_line(&found.text))),
    }
}

fn missing_branch(why: &str) -> Resolution<GitRef> {
    Resolution::missing(format!(
        "no branch is known, as {why}: give it as the second argument or in DOORBELL_BRANCH, or use --tag or --pull-request"
    ))
}

pub(super) fn from_ci_build(build_ref: &BuildRef) -> Resolution<GitRef> {
    match build_ref {
        BuildRef::Branch(found) => from_branch(found),
        BuildRef::Tag(found) => from_tag(found),
        BuildRef::PullRequest(found) => from_pull_request(found),
    }
}

fn from_tag(found: &SourcedValue) -> Resolution<GitRef> {
    parse_value(found).map(GitRef::Tag)
}

fn from_pull_request(found: &SourcedValue) -> Resolution<GitRef> {
    parse_value(found).map(GitRef::PullRequest)
}

/// Some CIs only have the full name of the ref at hand; taken as it is, it would name the branch
/// `refs/heads/refs/heads/x`.
fn from_branch(found: &SourcedValue) -> Resolution<GitRef> {
    let name = found.text.strip_prefix("refs/heads/").unwrap_or(&found.text);
    if name.starts_with("refs/") {
        let rule = invalid(name, "a branch; for another ref use --tag or --pull-request");
        return Resolution::invalid(&found.source, rule);
    }
    parse_value(&SourcedValue::new(name, found.source.clone())).map(GitRef::Branch)
}

/// Jenkins puts the remote before the branch, and sets `detached` without one. A branch that is really called
/// `origin/x` can be named in `DOORBELL_BRANCH` or as the argument.
pub(super) fn without_remote(text: &str) -> Option<&str> {
    let branch = text.strip_prefix("origin/").unwrap_or(text);
    (!matches!(branch, "HEAD" | "detached")).then_some(branch)
}
