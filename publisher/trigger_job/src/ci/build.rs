use crate::resolution::SourcedValue;

/// A build of a CI, as far as its variables tell. All of it is text from outside that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CiBuild {
    /// The repository's name, without its owner.
    pub(crate) project: Option<SourcedValue>,
    pub(crate) git_ref: Option<BuildRef>,
    pub(crate) commit: HeadCommit,
    /// The page that people look at.
    pub(crate) url: Option<SourcedValue>,
    /// What tells this build from all others of the same vendor, a person's repetition of it included. The same for
    /// every step and job in it, and for what the CI itself tries again.
    pub(crate) identity: Option<Vec<String>>,
    pub(crate) fork: Fork,
}

/// What the build is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BuildRef {
    Branch(SourcedValue),
    Tag(SourcedValue),
    PullRequest(SourcedValue),
}

impl BuildRef {
    /// From the full name of a ref; nothing for a ref that is neither branch nor tag.
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
    /// The commit that was built, which may be a merge that the CI made and nobody else has.
    PossibleMerge(SourcedValue),
    /// The vendor does not say; why.
    Unknown(&'static str),
}

impl HeadCommit {
    pub(crate) fn from_variable(value: Option<SourcedValue>) -> Self {
        value.map_or(Self::Unknown("this CI does not name it"), Self::Known)
    }
}

/// Whether the build is of a pull request that comes from a fork, so that a stranger wrote what it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fork {
    /// It is not.
    No,
    /// It is; where that was seen.
    Yes(String),
    /// It is of a pull request, and its CI does not say; why.
    Unknown(&'static str),
}

impl Fork {
    /// A pull request's: from the place that it comes from and the place that it goes to.
    pub(crate) fn between(from: Option<String>, to: Option<String>, source: &str) -> Self {
        match (from, to) {
            (Some(from), Some(to)) if from == to => Self::No,
            (Some(_), Some(_)) => Self::Yes(source.to_owned()),
            _ => Self::Unknown("the variables that would tell are not set"),
        }
    }
}
