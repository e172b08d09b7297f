use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::bus::{EventCounts, EventMode};
use super::options::CodeBuildSettings;
use super::simulator::{CodeBuildSimulator, HeldReplies};

/// What a test may do to this CodeBuild, and see of it, that no caller can. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CodeBuildControls(pub(super) Arc<CodeBuildSimulator>);

/// A build, for assertions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSnapshot {
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

impl CodeBuildControls {
    /// From now on calls of this action (`StartBuildInput`) are executed, but their replies kept back.
    pub fn hold_replies(&self, action: &str) {
        self.0.held_replies.send_modify(|held| *held = HeldReplies { action: Some(action.to_owned()), count: 0 });
    }

    /// Comes when that many replies were kept back.
    pub async fn wait_until_held(&self, count: usize) {
        // The sender is the simulator's own and outlives this.
        let _ = self.0.held_replies.subscribe().wait_for(|held| held.count >= count).await;
    }

    /// Lets the replies go that were kept back, and keeps back no more.
    pub fn release_replies(&self) {
        self.0.held_replies.send_modify(|held| held.action = None);
    }

    /// How events fare from now on.
    pub fn set_event_mode(&self, mode: EventMode) {
        self.0.bus.set_mode(mode);
    }

    /// How events have fared so far.
    pub fn event_counts(&self) -> EventCounts {
        self.0.bus.counts()
    }

    /// Changes limits and habits; builds that wait for a place look again.
    pub fn change_settings(&self, change: impl FnOnce(&mut CodeBuildSettings)) {
        self.0.change_settings(change);
    }

    /// As if all idempotency tokens had been used longer ago than they live.
    pub fn expire_tokens(&self) {
        self.0.state().expire_tokens();
    }

    /// As if every idempotency token had been used that much earlier.
    pub fn backdate_tokens(&self, by: Duration) {
        self.0.state().backdate_tokens(by);
    }

    /// The provider loses a build: it goes on running, but no call finds it.
    pub fn forget(&self, id: &str) {
        self.0.state().update_build(id, |build| build.forgotten = true);
    }

    /// All builds, oldest first, forgotten ones included.
    pub fn builds(&self) -> Vec<BuildSnapshot> {
        let state = self.0.state();
        let view = |build: &super::build::SimulatedBuild| BuildSnapshot {
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
        state.builds().iter().map(view).collect()
    }

    /// The permissions (`codebuild:StartBuild`) that each principal was granted when it called, root left out.
    pub fn used_actions(&self) -> BTreeSet<(String, String)> {
        self.0.state().used_actions.clone()
    }

    /// How often each action was called, refused calls included.
    pub fn call_counts(&self) -> BTreeMap<String, u64> {
        self.0.state().call_counts.clone()
    }
}
