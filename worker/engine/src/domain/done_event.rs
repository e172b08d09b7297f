use doorbell_messages::{CommitId, DoneEvent, DoneTimes, ProviderRun};
use serde::{Deserialize, Serialize};

use crate::domain::installation::InstallationId;
use crate::domain::public_text::public_text;
use crate::domain::row::Row;
use crate::domain::status_report::comment;
use crate::domain::timestamp::Timestamp;

/// A row's done event: what its end would forget, and how far its publishing is.
///
/// It exists from the write that ends the job. The event itself is made of the row each time that it is published: what
/// it is made of never changes after the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneEventState {
    /// The commit that was to be built, where it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// When the build was seen first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// The claim of a call that has no known outcome yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<Timestamp>,
    /// When the topic took the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<String>,
    /// Tries so far.
    #[serde(default)]
    pub tries: u32,
    /// No call before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// When the next call is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

impl DoneEventState {
    /// Whether the event is still to be published.
    pub fn is_owed(&self) -> bool {
        self.published_at.is_none() && self.given_up.is_none()
    }
}

/// The outcome of publishing a done event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishOutcome {
    /// The topic took it.
    Published,
    /// It may have taken it, or takes it later.
    Failed(String),
    /// It refuses it: the topic is gone, or the worker may not publish there.
    Refused(String),
}

/// The done event of a row that has ended; none of another row.
pub(crate) fn done_event(row: &Row, installation: &InstallationId) -> Option<DoneEvent> {
    let (state, ended_at) = (row.done_event.as_ref()?, row.ended_at()?);
    Some(DoneEvent {
        id: installation.done_event_id(&row.key),
        installation: installation.to_string(),
        key: row.key.clone(),
        project: row.request.project.clone(),
        git_ref: row.git_ref().clone(),
        commit: state.commit.clone(),
        status: row.status(),
        message: public_text(&comment(row)),
        run: row.build().map(|build| ProviderRun { provider: build.provider.clone(), id: build.id.to_string() }),
        times: DoneTimes {
            queued_at: row.received_at.to_string(),
            started_at: state.started_at.map(|at| at.to_string()),
            ended_at: ended_at.to_string(),
        },
    })
}
