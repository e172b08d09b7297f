use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use doorbell_engine::domain::{Row, Timestamp};
use doorbell_engine::ports::PortError;

use crate::aws::connection::port_error;

use super::DynamoDbLedger;
use super::item::{expiry_value, string_value, time_value};

/// The value of `listed` in the items of projects.
pub(super) const PROJECTS_LISTED: &str = "#/0";

/// The time between two writes of a project's item by one worker.
const PROJECT_ITEM_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// How long a project's item stays after its last write: longer than any row of that project.
const PROJECT_ITEM_RETENTION: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// The number of projects whose last write is remembered: requests can name any number of unknown ones.
const MAX_PROJECTS_REMEMBERED: usize = 10_000;

/// The beginning of the key of a project's item.
pub(super) const PROJECT_KEY_PREFIX: &str = "#project#";

impl DynamoDbLedger {
    /// Writes the item of a job's project, at most once an hour. Lists and pages find all projects by these items.
    pub(super) async fn write_project_item(&self, row: &Row) -> Result<(), PortError> {
        let project = row.request.project.as_str();
        if !self.is_project_item_due(project, row.received_at) {
            return Ok(());
        }
        let set = [
            ("listed", string_value(PROJECTS_LISTED)),
            ("project", string_value(project)),
            ("expires_at", expiry_value(row.received_at + PROJECT_ITEM_RETENTION)),
            ("received_at", time_value(row.received_at)),
        ];
        let written = self.write_item(&format!("{PROJECT_KEY_PREFIX}{project}"), set, "received_at").await;
        written.map_err(|error| port_error("UpdateItem (project)", error))?;
        self.remembered_projects().insert(project.to_owned(), row.received_at);
        Ok(())
    }

    fn is_project_item_due(&self, project: &str, now: Timestamp) -> bool {
        let mut written = self.remembered_projects();
        if written.len() >= MAX_PROJECTS_REMEMBERED {
            written.clear();
        }
        written.get(project).is_none_or(|at| now.duration_since(*at) >= PROJECT_ITEM_INTERVAL)
    }

    fn remembered_projects(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.projects_written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
