use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::bus::{EventCounts, EventMode};
use super::options::Settings;
use super::site::{Held, Site};

/// What a test may do to this CodeBuild, and see of it, that no caller can. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Controls(pub(super) Arc<Site>);

/// A build, for assertions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildView {
    /// `<project>:<uuid>`
    pub id: String,
    /// The build project.
    pub project: String,
    /// What `DOORBELL_JOB_ID` is set to, if it is.
    pub job_id: Option<String>,
    /// `IN_PROGRESS`, `SUCCEEDED`, …
    pub status: String,
    /// Who called StartBuild.
    pub initiator: String,
    /// The build's number in its project, from 1.
    pub number: u64,
    /// The phase that it is in.
    pub phase: String,
    /// What its first phase that failed says of it.
    pub failure: Option<String>,
    /// When StartBuild made it.
    pub started: Timestamp,
    /// When it was over, if it is.
    pub ended: Option<Timestamp>,
}

impl Controls {
    /// From now on calls of this action (`StartBuild`) are executed, but their replies kept back.
    pub fn hold_replies_of(&self, action: &str) {
        self.0.held.send_modify(|held| *held = Held { action: Some(action.to_owned()), count: 0 });
    }

    /// Comes when that many replies were kept back.
    pub async fn until_held(&self, count: usize) {
        // The sender is the site's own and outlives this.
        let _ = self.0.held.subscribe().wait_for(|held| held.count >= count).await;
    }

    /// Lets the replies go that were kept back, and keeps back no more.
    pub fn release(&self) {
        self.0.held.send_modify(|held| held.action = None);
    }

    /// How events fare from now on.
    pub fn events(&self, mode: EventMode) {
        self.0.bus.set_mode(mode);
    }

    /// How events have fared so far.
    pub fn event_counts(&self) -> EventCounts {
        self.0.bus.counts()
    }

    /// Changes limits and habits; builds that wait for a place look again.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        self.0.change_settings(change);
    }

    /// As if all idempotency tokens had been used longer ago than they live.
    pub fn expire_tokens(&self) {
        self.0.books().expire_tokens();
    }

    /// As if every idempotency token had been used that much earlier.
    pub fn age_tokens(&self, by: Duration) {
        self.0.books().age_tokens(by);
    }

    /// The provider loses a build: it goes on running, but no call finds it.
    pub fn forget(&self, id: &str) {
        self.0.books().change(id, |build| build.forgotten = true);
    }

    /// All builds, oldest first, forgotten ones included.
    pub fn builds(&self) -> Vec<BuildView> {
        let books = self.0.books();
        let view = |build: &super::build::Build| BuildView {
            id: build.id.clone(),
            project: build.project.clone(),
            job_id: build.variable(doorbell_messages::JOB_ID).map(str::to_owned),
            status: build.status().to_owned(),
            initiator: build.initiator.clone(),
            number: build.number,
            phase: build.current_phase().to_owned(),
            failure: build.failure().map(str::to_owned),
            started: build.started,
            ended: build.ended,
        };
        books.builds().iter().map(view).collect()
    }

    /// The permissions (`codebuild:StartBuild`) that each principal was granted when it called, root left out.
    pub fn used(&self) -> BTreeSet<(String, String)> {
        self.0.books().used.clone()
    }

    /// How often each action was called, refused calls included.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.0.books().calls.clone()
    }
}
