use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use doorbell_engine::domain::{Row, Timestamp};
use doorbell_engine::ports::PortError;
use tracing::warn;

use crate::aws::connection::port_error;

use super::DynamoDbLedger;
use super::item::{expiry_value, string_value, time_value};

/// The value of `listed` in the items of projects.
pub(super) const PROJECTS_LISTED: &str = "#/0";

/// The time between two writes of a project's item by one worker.
const PROJECT_ITEM_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// How long a project's item stays after its last write: longer than any row of that project.
const PROJECT_ITEM_RETENTION: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// The number of projects whose last write is remembered.
const MAX_PROJECTS_REMEMBERED: usize = 10_000;

/// Items of projects without an accepted job that one worker writes in a window.
///
/// A person finds the job of a misspelt project in the list. A flood of unknown names costs no second write for each
/// job, and no list of as many projects.
const MAX_UNACCEPTED_ITEMS: usize = 10;
const UNACCEPTED_WINDOW: Duration = Duration::from_secs(60);

/// The beginning of the key of a project's item.
pub(super) const PROJECT_KEY_PREFIX: &str = "#project#";

/// The items of projects that this worker has written.
#[derive(Debug, Default)]
pub(super) struct ProjectItems {
    written: HashMap<String, Timestamp>,
    /// Items of projects without an accepted job, since the window began.
    unaccepted: usize,
    window_began: Option<Timestamp>,
}

impl ProjectItems {
    /// Whether the item of this job's project is to be written. Of a project without an accepted job that counts.
    fn take_due(&mut self, row: &Row) -> bool {
        let (project, now) = (row.request.project.as_str(), row.received_at);
        if self.written.get(project).is_some_and(|at| now.duration_since(*at) < PROJECT_ITEM_INTERVAL) {
            return false;
        }
        if row.launch().is_some() {
            return true;
        }
        if self.window_began.is_none_or(|began| now.duration_since(began) >= UNACCEPTED_WINDOW) {
            (self.window_began, self.unaccepted) = (Some(now), 0);
        }
        self.unaccepted += 1;
        self.unaccepted <= MAX_UNACCEPTED_ITEMS
    }

    fn remember(&mut self, row: &Row) {
        if self.written.len() >= MAX_PROJECTS_REMEMBERED {
            self.written.clear();
        }
        self.written.insert(row.request.project.to_string(), row.received_at);
    }
}

impl DynamoDbLedger {
    /// Writes the item of a job's project, at most once an hour. Lists and pages find all projects by these items.
    ///
    /// Without the item the job runs all the same, and the project's next job writes it again.
    pub(super) async fn list_project(&self, row: &Row) {
        if !self.project_items.lock().unwrap_or_else(PoisonError::into_inner).take_due(row) {
            return;
        }
        match self.write_project_item(row).await {
            Ok(()) => self.project_items.lock().unwrap_or_else(PoisonError::into_inner).remember(row),
            Err(error) => {
                warn!(project = %row.request.project, "project item not written; the next job of the project retries: {error}");
            }
        }
    }

    async fn write_project_item(&self, row: &Row) -> Result<(), PortError> {
        let project = row.request.project.as_str();
        let set = [
            ("listed", string_value(PROJECTS_LISTED)),
            ("project", string_value(project)),
            ("expires_at", expiry_value(row.received_at + PROJECT_ITEM_RETENTION)),
            ("received_at", time_value(row.received_at)),
        ];
        let written = self.write_item(&format!("{PROJECT_KEY_PREFIX}{project}"), set, "received_at").await;
        written.map_err(|error| port_error("UpdateItem (project)", error))
    }
}
