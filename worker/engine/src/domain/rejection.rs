use serde::{Deserialize, Serialize};

/// What strangers read of a rejection whose kind is not known here.
pub(crate) const UNKNOWN_REJECTION: &str = "the project does not allow this request";

/// A rejection: its kind, and a reason for the project's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// What leaves to strangers, such as the readers of a forge's page.
    pub kind: RejectionKind,
    /// What the row and the log keep: it may name what is allowed, and what the request said.
    pub reason: String,
}

/// The kind of a rejection.
///
/// Each reader of a commit's page sees it, so it names neither what is allowed nor any text of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionKind {
    /// The registry has no such project.
    ProjectUnknown,
    /// The project's document has an invalid value.
    DocumentInvalid,
    /// The document lacks the build project that the request needs, or names one that must not run it.
    BuildProjectMissing,
    /// The request is too old.
    RequestTooOld,
    /// The project does not build this ref.
    RefNotAllowed,
    /// The project does not build pull requests.
    PullRequestNotAllowed,
    /// The request sets a variable, or a value of one, that the project does not let requests set.
    VariableNotAllowed,
    /// The project does not let requests cancel jobs.
    CancelNotAllowed,
    /// The cancel does not say which job it means.
    CancelWithoutTarget,
    /// The project does not let requests build a commit that is older than one that ran.
    OlderNotAllowed,
    /// The request narrows the commits that may be built, and the build project has a rule of its own.
    CommitRuleFixed,
    /// The order of the ref's jobs needs a commit, and it is not known.
    CommitMissing,
    /// The project ran as many jobs in this hour as it may.
    HourlyLimitReached,
    /// The forge has no such ref.
    RefMissing,
    /// A kind of a later version: read and written back unchanged.
    #[serde(untagged)]
    Other(String),
}

impl Rejection {
    /// A rejection of this kind.
    pub fn new(kind: RejectionKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

impl RejectionKind {
    /// What strangers may read: constant texts only.
    pub fn public_text(&self) -> &'static str {
        match self {
            Self::ProjectUnknown => "no such project is registered",
            Self::DocumentInvalid => "the project's document in the registry is not valid",
            Self::BuildProjectMissing => "the project's document names no build project for this request",
            Self::RequestTooOld => "the request is too old",
            Self::RefNotAllowed => "the project does not build this ref",
            Self::PullRequestNotAllowed => "the project does not build this pull request",
            Self::VariableNotAllowed => "the project does not let requests set a variable like this",
            Self::CancelNotAllowed => "the project does not let requests cancel jobs",
            Self::CancelWithoutTarget => "the cancel does not name a job",
            Self::OlderNotAllowed => "the project does not let requests build an older commit",
            Self::CommitRuleFixed => "the project does not let requests narrow the commits to build",
            Self::CommitMissing => "the request must name a commit",
            Self::HourlyLimitReached => "the project's limit of jobs per hour is reached; ask again in the next hour",
            Self::RefMissing => "the forge has no such ref",
            Self::Other(_) => UNKNOWN_REJECTION,
        }
    }
}
