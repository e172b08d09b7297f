use doorbell_messages::CommitId;

use super::git_ref::{ResolvedRef, from_ci_build};
use super::{Resolver, parse_value};
use crate::ci::{BuildRef, CiBuild, CiRef, HeadCommit};
use crate::resolution::{Resolution, SourcedValue};

impl Resolver<'_> {
    /// The head of the ref, from the same source; never a commit that may be on another ref.
    pub(crate) fn commit(&self, resolved_ref: &ResolvedRef) -> Resolution<CommitId> {
        if let Some(text) = self.arguments.commit.as_deref() {
            return parse_value(&SourcedValue::new(text, "--commit"));
        }
        if resolved_ref.is_from_checkout {
            return from_checkout(self.checkout.pushed_head());
        }
        let Some(build) = self.build() else {
            return Resolution::missing("nothing here names the head of that ref");
        };
        let Some(git_ref) = resolved_ref.git_ref.value() else {
            return Resolution::missing("the ref is not known");
        };
        match build.git_ref.known().map(from_ci_build) {
            Some(Resolution::Found { value, .. }) if value == *git_ref => self.ci_head(build),
            _ => Resolution::missing("this CI's build is of another ref"),
        }
    }

    fn ci_head(&self, build: &CiBuild) -> Resolution<CommitId> {
        match &build.commit {
            HeadCommit::Known(found) => match found.text.parse() {
                Ok(value) => Resolution::Found { value, source: found.source.clone() },
                // "HEAD", or an abbreviation. A pull request's checkout may be a merge, a branch's is its head.
                Err(_) if matches!(build.git_ref, CiRef::Known(BuildRef::PullRequest(_))) => {
                    Resolution::missing(format!("{} is no full commit id", found.source))
                }
                Err(_) => from_checkout(self.checkout.head()),
            },
            HeadCommit::PossibleMerge(found) => self.reject_merge(found),
            HeadCommit::Unknown(why) => Resolution::missing(*why),
        }
    }

    fn reject_merge(&self, found: &SourcedValue) -> Resolution<CommitId> {
        let Ok(value) = found.text.parse::<CommitId>() else {
            return Resolution::missing(format!("{} is no full commit id", found.source));
        };
        match self.checkout.is_merge(value.as_str()) {
            Ok(false) => Resolution::Found { value, source: found.source.clone() },
            Ok(true) => Resolution::missing(format!("{} is a merge, perhaps this CI's own", found.source)),
            Err(_) => Resolution::missing(format!("{} may be a merge, and no checkout here shows it", found.source)),
        }
    }
}

fn from_checkout(output: Result<String, String>) -> Resolution<CommitId> {
    match output.and_then(|text| text.parse()) {
        Ok(value) => Resolution::Found { value, source: "git: the commit checked out".into() },
        Err(why) => Resolution::missing(why),
    }
}
