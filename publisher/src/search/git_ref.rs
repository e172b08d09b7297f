use doorbell_messages::{GitRef, RefName};

use super::{Search, value_of};
use crate::ci::{BuildRef, Vendor};
use crate::failure::{Failure, one_line};
use crate::found::{Found, Sought};

/// Set by Jenkins for every build, and read by iwomp-in-aws.
const GIT_BRANCH: &str = "GIT_BRANCH";

/// A ref, and what it was found in: a commit belongs to the ref of the same place.
pub(crate) struct SoughtRef {
    pub(crate) git_ref: Sought<GitRef>,
    pub(super) from_checkout: bool,
}

impl SoughtRef {
    fn elsewhere(git_ref: Sought<GitRef>) -> Self {
        Self { git_ref, from_checkout: false }
    }
}

impl Search<'_> {
    pub(crate) fn git_ref(&mut self) -> Result<SoughtRef, Failure> {
        let arguments = self.arguments;
        let branch = arguments.branch.as_deref().filter(|text| !text.is_empty());
        match (branch, arguments.tag.as_deref(), arguments.pull_request.as_deref()) {
            (branch, None, None) => self.branch(branch),
            (None, Some(tag), _) => of_tag(&Found::new(tag, "--tag")).map(SoughtRef::elsewhere),
            (None, None, Some(number)) => {
                of_pull_request(&Found::new(number, "--pull-request")).map(SoughtRef::elsewhere)
            }
            (Some(_), ..) => {
                Err(Failure::bad_value("BRANCH", "--tag and --pull-request take its place: give one of the three"))
            }
        }
    }

    fn branch(&mut self, argument: Option<&str>) -> Result<SoughtRef, Failure> {
        // On Jenkins GIT_BRANCH is what Jenkins says, to be weighed with the rest of it.
        let theirs = (self.vendor() != Some(Vendor::Jenkins)).then_some(GIT_BRANCH);
        match self.given("BRANCH", argument, "DOORBELL_BRANCH", theirs) {
            Some(found) => of_given(&found).map(SoughtRef::elsewhere),
            None => match self.build().and_then(|build| build.git_ref.as_ref()) {
                Some(detected) => of_build(detected).map(SoughtRef::elsewhere),
                None => self.branch_of_checkout_or_file(),
            },
        }
    }

    fn branch_of_checkout_or_file(&self) -> Result<SoughtRef, Failure> {
        match (self.checkout.branch(), self.file.branch()) {
            (Ok(text), _) => {
                let git_ref = of_branch(&Found::new(text, "git: the branch checked out"))?;
                Ok(SoughtRef { git_ref, from_checkout: true })
            }
            (Err(_), Some(found)) => of_branch(&found).map(SoughtRef::elsewhere),
            (Err(why), None) => Ok(SoughtRef::elsewhere(no_branch(&why))),
        }
    }
}

fn of_given(found: &Found) -> Result<Sought<GitRef>, Failure> {
    if found.place != GIT_BRANCH {
        return of_branch(found);
    }
    match without_remote(&found.text) {
        Some(branch) => of_branch(&Found::new(branch, GIT_BRANCH)),
        None => Ok(no_branch(&format!("GIT_BRANCH is \"{}\", a checkout of a commit", one_line(&found.text)))),
    }
}

fn no_branch(why: &str) -> Sought<GitRef> {
    Sought::missing(format!(
        "no branch is known, as {why}: give it as the second argument or in DOORBELL_BRANCH, or use --tag or --pull-request"
    ))
}

pub(super) fn of_build(detected: &BuildRef) -> Result<Sought<GitRef>, Failure> {
    match detected {
        BuildRef::Branch(found) => of_branch(found),
        BuildRef::Tag(found) => of_tag(found),
        BuildRef::PullRequest(found) => of_pull_request(found),
    }
}

fn of_tag(found: &Found) -> Result<Sought<GitRef>, Failure> {
    Ok(value_of(found)?.map(GitRef::Tag))
}

fn of_pull_request(found: &Found) -> Result<Sought<GitRef>, Failure> {
    Ok(value_of(found)?.map(GitRef::PullRequest))
}

/// Some CIs only have the full name of the ref at hand; taken as it is, it would name the branch
/// `refs/heads/refs/heads/x`.
fn of_branch(found: &Found) -> Result<Sought<GitRef>, Failure> {
    let name = found.text.strip_prefix("refs/heads/").unwrap_or(&found.text);
    if name.starts_with("refs/") {
        let rule = format!("\"{}\" is refused: it is no branch; use --tag or --pull-request", one_line(name));
        return Err(Failure::bad_value(&found.place, rule));
    }
    let name: RefName = name.parse().map_err(|rule: String| Failure::bad_value(&found.place, rule))?;
    Ok(Sought::Found { value: GitRef::Branch(name), place: found.place.clone() })
}

/// Jenkins puts the remote before the branch, and `detached` in place of one. A branch that is really called
/// `origin/x` can be named in `DOORBELL_BRANCH` or as the argument.
pub(super) fn without_remote(text: &str) -> Option<&str> {
    let branch = text.strip_prefix("origin/").unwrap_or(text);
    (!matches!(branch, "HEAD" | "detached")).then_some(branch)
}
