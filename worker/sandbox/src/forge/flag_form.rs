use super::body::FormFields;
use super::flag::FlagStatus;
use super::response::PagureError;
use super::web_url;

/// `String(32)` in Pagure's model; PostgreSQL rejects longer ones.
const MAX_UID_CHARS: usize = 32;

const REQUIRED: &str = "This field is required.";

/// The content of a valid flag form.
#[derive(Debug)]
pub(super) struct FlagForm {
    pub(super) uid: Option<String>,
    pub(super) status: FlagStatus,
    pub(super) comment: String,
    pub(super) url: String,
    pub(super) username: String,
    pub(super) percent: Option<i32>,
}

/// The endpoint of a flag form; the two differ in one point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlagTarget {
    Commit,
    /// A missing status follows from the percentage.
    PullRequest,
}

impl FlagForm {
    /// Validates the form (all errors at once), then what the database would reject.
    pub(super) fn read(fields: &FormFields, target: FlagTarget) -> Result<Self, PagureError> {
        let mut problems = Vec::new();
        let mut required = |name: &'static str| match fields.non_empty(name) {
            Some(text) => text.to_owned(),
            None => {
                problems.push((name, REQUIRED));
                String::new()
            }
        };
        let (username, comment, url) = (required("username"), required("comment"), required("url"));
        if !url.is_empty() && !web_url::is_accepted(&url) {
            problems.push(("url", "Invalid input."));
        }
        let status = status(fields, target).map_err(|problem| problems.push(("status", problem)));
        match status {
            Ok(status) if problems.is_empty() => Ok(Self {
                uid: uid(fields)?,
                status,
                comment: comment.trim().to_owned(),
                url: url.trim().to_owned(),
                username,
                percent: percent(fields)?,
            }),
            _ => Err(PagureError::Form(problems)),
        }
    }
}

fn status(fields: &FormFields, target: FlagTarget) -> Result<FlagStatus, &'static str> {
    match (fields.get("status"), target) {
        (None, FlagTarget::PullRequest) => Ok(match fields.non_empty("percent").map(str::trim) {
            None => FlagStatus::Pending,
            Some("0") => FlagStatus::Failure,
            Some(_) => FlagStatus::Success,
        }),
        (None | Some(""), _) => Err(REQUIRED),
        (Some(text), _) => FlagStatus::parse(text).ok_or("Not a valid choice."),
    }
}

fn uid(fields: &FormFields) -> Result<Option<String>, PagureError> {
    match fields.non_empty("uid").map(str::trim) {
        Some(uid) if uid.chars().count() > MAX_UID_CHARS => Err(PagureError::Database),
        uid => Ok(uid.map(str::to_owned)),
    }
}

/// Parses any integer that the column holds: Pagure checks no range.
fn percent(fields: &FormFields) -> Result<Option<i32>, PagureError> {
    fields.non_empty("percent").map(|text| text.trim().parse().map_err(|_| PagureError::Database)).transpose()
}
