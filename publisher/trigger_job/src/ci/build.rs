use super::BuildRef;
use crate::resolution::SourcedValue;

/// A CI's build, as its variables describe it. No value is validated yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CiBuild {
    /// The repository's name, without its owner.
    pub(crate) project: Option<SourcedValue>,
    pub(crate) git_ref: CiRef,
    pub(crate) commit: HeadCommit,
    /// The page of the build.
    pub(crate) url: Option<SourcedValue>,
    /// What identifies the build at its vendor.
    ///
    /// It differs after a manual rerun, and is the same for every step and job of the build and for the CI's own retries.
    pub(crate) identity: Option<Vec<String>>,
    pub(crate) fork: Fork,
    /// Variables that disagree about the ref, one line each.
    pub(crate) notes: Vec<String>,
}

/// What a CI says of the ref of its build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CiRef {
    Known(BuildRef),
    /// The build has a ref, and it cannot be read, for this reason.
    ///
    /// No other source may take its place: a deployment of a tag must not become one of the default branch.
    Unknown(String),
    /// The build is of a ref that is no branch, tag or pull request, with the variable that names it.
    ///
    /// Such a ref may hold a stranger's change.
    Other(String),
    /// This CI's job need not be of a ref, for this reason; the checkout may have one.
    None(&'static str),
}

impl CiRef {
    pub(crate) fn known(&self) -> Option<&BuildRef> {
        match self {
            Self::Known(build_ref) => Some(build_ref),
            Self::Unknown(_) | Self::Other(_) | Self::None(_) => None,
        }
    }

    /// The ref that a variable names.
    pub(super) fn from_parsed(parsed: Result<BuildRef, String>) -> Self {
        parsed.map_or_else(Self::Other, Self::Known)
    }

    pub(super) fn is_pull_request(&self) -> bool {
        matches!(self, Self::Known(BuildRef::PullRequest(_)))
    }
}

/// The commit at the head of the branch, tag or pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeadCommit {
    Known(SourcedValue),
    /// The commit that was built, which may be a merge that only the CI has.
    PossibleMerge(SourcedValue),
    /// Unknown, with the reason.
    Unknown(&'static str),
}

impl HeadCommit {
    pub(crate) fn from_variable(value: Option<SourcedValue>) -> Self {
        value.map_or(Self::Unknown("this CI does not name it"), Self::Known)
    }
}

/// Whether the build is of a fork's pull request, whose author may have written this step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fork {
    /// It is of no fork.
    No,
    /// It is of a fork, with the source of that.
    Yes(String),
    /// It may be of a fork, and its CI does not say, with the reason.
    Unknown(&'static str),
    /// No CI's build is read, for this reason: a person runs this, or a CI that is not detected.
    NoBuild(&'static str),
}

impl Fork {
    /// Compares the source repository of a pull request with its target.
    pub(crate) fn between(from: Option<String>, to: Option<String>, source: &str) -> Self {
        match (from, to) {
            (Some(from), Some(to)) if from == to => Self::No,
            (Some(_), Some(_)) => Self::Yes(source.to_owned()),
            _ => Self::Unknown("the variables for it are not set"),
        }
    }
}
