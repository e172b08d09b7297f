use crate::resolution::SourcedValue;

/// A CI's build, as its variables describe it. No value is validated yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CiBuild {
    /// The repository's name, without its owner.
    pub(crate) project: Option<SourcedValue>,
    pub(crate) git_ref: Option<BuildRef>,
    pub(crate) commit: HeadCommit,
    /// The page of the build.
    pub(crate) url: Option<SourcedValue>,
    /// What identifies the build at its vendor.
    ///
    /// It differs after a manual rerun, and is the same for every step and job of the build and for the CI's own retries.
    pub(crate) identity: Option<Vec<String>>,
    pub(crate) fork: Fork,
}

/// The ref that the build is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BuildRef {
    Branch(SourcedValue),
    Tag(SourcedValue),
    PullRequest(SourcedValue),
}

impl BuildRef {
    /// Parses the full name of a branch or a tag.
    pub(crate) fn from_full_name(value: SourcedValue) -> Option<Self> {
        if let Some(name) = value.text.strip_prefix("refs/heads/") {
            return Some(Self::Branch(SourcedValue::new(name, value.source)));
        }
        let name = value.text.strip_prefix("refs/tags/")?;
        Some(Self::Tag(SourcedValue::new(name, value.source)))
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
    /// It is of a pull request, and its CI does not say, with the reason.
    Unknown(&'static str),
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
