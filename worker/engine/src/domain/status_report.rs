use doorbell_messages::Status;
use serde::{Deserialize, Serialize};

use crate::domain::config::JobConfig;
use crate::domain::phase::Phase;
use crate::domain::public_text::public_text;
use crate::domain::rejection::{RejectionKind, UNKNOWN_REJECTION};
use crate::domain::row::Row;

/// A status report about a job: a function of the row, never of the event that is handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The status.
    pub status: Status,
    /// A line for people.
    pub comment: String,
    /// The page of the build's log, or of its target before there is one. Never a URL from the request.
    pub url: String,
}

impl StatusReport {
    /// The report of the row as it is.
    pub(crate) fn for_row(row: &Row, config: &JobConfig) -> Self {
        Self { status: row.status(), comment: public_text(&comment(row)), url: url(row, config) }
    }
}

pub(super) fn comment(row: &Row) -> String {
    match &row.phase {
        Phase::Received => match &row.denied_start {
            Some(denied) => format!("waiting for a build: {}", denied.reason),
            None => "waiting for the registry".to_owned(),
        },
        Phase::Accepted { turn: Some(wait), .. } => wait.to_string(),
        Phase::Accepted { waiting: Some(why), .. } => format!("waiting for a build: {why}"),
        Phase::Accepted { .. } | Phase::Starting { .. } => "waiting for a build".to_owned(),
        Phase::Running { build, .. } if build.is_queued => "waiting in the provider's queue".to_owned(),
        Phase::Running { .. } => format!("{} is being built", row.git_ref()),
        Phase::Finished { result, .. } => result.message.clone(),
        // The kind and not the reason, which may hold the request's words and lists of what is allowed.
        Phase::Rejected { kind, .. } => {
            format!("refused: {}", kind.as_ref().map_or(UNKNOWN_REJECTION, RejectionKind::public_text))
        }
    }
}

fn url(row: &Row, config: &JobConfig) -> String {
    if let Some(log_url) = row.build().and_then(|build| build.log_url.as_ref()) {
        return log_url.clone();
    }
    match row.launch() {
        Some(launch) => format!("{}/{}", config.console_url, launch.target),
        None => config.console_url.clone(),
    }
}
