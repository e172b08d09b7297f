use doorbell_messages::CommitId;

use super::Search;
use super::git_ref::{SoughtRef, of_build};
use crate::arguments::checked;
use crate::ci::{Build, BuildRef, HeadCommit};
use crate::failure::Failure;
use crate::found::{Found, Sought};

impl Search<'_> {
    /// The head of the ref, as the same place knows it; never one that may be on another ref.
    pub(crate) fn commit(&self, sought: &SoughtRef) -> Result<Sought<CommitId>, Failure> {
        if let Some(commit) = checked("--commit", self.arguments.commit.as_deref())? {
            return Ok(Sought::Found { value: commit, place: "--commit".into() });
        }
        if sought.from_checkout {
            return Ok(of_checkout(self.checkout.pushed_head()));
        }
        let Some(build) = self.build() else {
            return Ok(Sought::missing("nothing here names the head of that ref"));
        };
        let same = build.git_ref.as_ref().and_then(|detected| of_build(detected).ok());
        if sought.git_ref.value().is_none() || same.as_ref().and_then(Sought::value) != sought.git_ref.value() {
            return Ok(Sought::missing("this CI's build is of another ref"));
        }
        Ok(self.head_of(build))
    }

    fn head_of(&self, build: &Build) -> Sought<CommitId> {
        match &build.commit {
            HeadCommit::Known(found) => match found.text.parse() {
                Ok(value) => Sought::Found { value, place: found.place.clone() },
                // "HEAD", or an abbreviation. A pull request's checkout may be a merge, a branch's is its head.
                Err(_) if matches!(build.git_ref, Some(BuildRef::PullRequest(_))) => {
                    Sought::missing(format!("{} is no full commit id", found.place))
                }
                Err(_) => of_checkout(self.checkout.head()),
            },
            HeadCommit::MaybeMerge(found) => self.unless_merge(found),
            HeadCommit::Unknown(why) => Sought::missing(*why),
        }
    }

    fn unless_merge(&self, found: &Found) -> Sought<CommitId> {
        let Ok(value) = found.text.parse::<CommitId>() else {
            return Sought::missing(format!("{} is no full commit id", found.place));
        };
        match self.checkout.is_merge(value.as_str()) {
            Ok(false) => Sought::Found { value, place: found.place.clone() },
            Ok(true) => Sought::missing(format!("{} is a merge, perhaps this CI's own", found.place)),
            Err(_) => Sought::missing(format!("{} may be a merge, and no checkout here tells", found.place)),
        }
    }
}

fn of_checkout(answer: Result<String, String>) -> Sought<CommitId> {
    match answer.and_then(|text| text.parse()) {
        Ok(value) => Sought::Found { value, place: "git: the commit checked out".into() },
        Err(why) => Sought::missing(why),
    }
}
