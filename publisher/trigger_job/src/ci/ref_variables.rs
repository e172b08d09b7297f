use super::{BuildRef, CiRef};
use crate::resolution::SourcedValue;

/// The variables that name the ref of one build.
///
/// Vendors fill those for a tag, a branch or a pull request by the event, and leave them out, or at their last value, in
/// builds that a person promotes or a timer starts. The full name is right in every kind of build.
#[derive(Default)]
pub(super) struct RefVariables {
    pub(super) full: Option<SourcedValue>,
    pub(super) pull_request: Option<SourcedValue>,
    pub(super) tag: Option<SourcedValue>,
    /// The branch, in the kinds of build that are of one.
    pub(super) branch: Option<SourcedValue>,
}

impl RefVariables {
    /// The ref, and what the variables disagree about. `missing` says that none of them is set.
    pub(super) fn resolve(self, missing: &str) -> (CiRef, Vec<String>) {
        let Self { full, pull_request, tag, branch } = self;
        let Some(full) = full else {
            return (Self { full: None, pull_request, tag, branch }.without_full_name(missing), Vec::new());
        };
        match (BuildRef::from_full_name(full.clone()), pull_request) {
            (Ok(found @ BuildRef::PullRequest(_)), number) => {
                let notes = disagreement(&found, number, BuildRef::PullRequest).into_iter().collect();
                (CiRef::Known(found), notes)
            }
            // Some forges have no ref for a pull request, so its CI names the branch that it comes from. The stranger
            // of the two meanings decides: a pull request has fewer rights.
            (_, Some(number)) => {
                let found = BuildRef::PullRequest(number);
                let notes = vec![found.note_against(&full)];
                (CiRef::Known(found), notes)
            }
            (Ok(found), None) => {
                // Of a tag's build the branch may be the default one.
                let other_branch = branch.filter(|_| matches!(found, BuildRef::Branch(_)));
                let notes = [disagreement(&found, tag, BuildRef::Tag), branch_disagreement(&found, other_branch)];
                (CiRef::Known(found), notes.into_iter().flatten().collect())
            }
            (other @ Err(_), None) => (CiRef::from_parsed(other), Vec::new()),
        }
    }

    fn without_full_name(self, missing: &str) -> CiRef {
        let number = self.pull_request.map(BuildRef::PullRequest);
        match number.or_else(|| self.tag.map(BuildRef::Tag)) {
            Some(found) => CiRef::Known(found),
            None => match self.branch.map(BuildRef::from_branch) {
                Some(parsed) => CiRef::from_parsed(parsed),
                None => CiRef::Unknown(missing.to_owned()),
            },
        }
    }
}

fn disagreement(
    found: &BuildRef,
    value: Option<SourcedValue>,
    kind: impl Fn(SourcedValue) -> BuildRef,
) -> Option<String> {
    let value = value?;
    (!kind(value.clone()).is_same(found)).then(|| found.note_against(&value))
}

fn branch_disagreement(found: &BuildRef, value: Option<SourcedValue>) -> Option<String> {
    let value = value?;
    let is_same = BuildRef::from_branch(value.clone()).is_ok_and(|other| other.is_same(found));
    (!is_same).then(|| found.note_against(&value))
}
