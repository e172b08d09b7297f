use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::bus::{EventCounts, EventMode};
use super::options::CodeBuildSettings;
use super::simulator::{CodeBuildSimulator, HeldReplies};

/// A test's controls over this CodeBuild, beyond what a caller of the API can do and see. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CodeBuildControls(pub(super) Arc<CodeBuildSimulator>);

/// A build, for assertions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSnapshot {
    /// `<project>:<uuid>`
    pub id: String,
    /// The build project.
    pub project: String,
    /// The value of `DOORBELL_JOB_ID`, if it is set.
    pub job_id: Option<String>,
    /// `IN_PROGRESS`, `SUCCEEDED`, …
    pub status: String,
    /// The caller of StartBuild.
    pub initiator: String,
    /// The build's number in its project, from 1.
    pub number: u64,
    /// The current phase.
    pub phase: String,
    /// The message of its first failed phase.
    pub failure: Option<String>,
    /// When StartBuild created it.
    pub started: Timestamp,
    /// When it completed, if it has.
    pub ended: Option<Timestamp>,
}

impl CodeBuildControls {
    /// Executes further calls of this action (`StartBuild`), but holds their replies.
    pub fn hold_replies(&self, action: &str) {
        self.0.held_replies.send_modify(|held| *held = HeldReplies { action: Some(action.to_owned()), count: 0 });
    }

    /// Waits until that many replies are held.
    pub async fn wait_until_held(&self, count: usize) {
        // The simulator owns the sender and outlives this.
        let _ = self.0.held_replies.subscribe().wait_for(|held| held.count >= count).await;
    }

    /// Releases the held replies and stops holding.
    pub fn release_replies(&self) {
        self.0.held_replies.send_modify(|held| held.action = None);
    }

    /// Sets the faults of further events.
    pub fn set_event_mode(&self, mode: EventMode) {
        self.0.bus.set_mode(mode);
    }

    /// Counters of event faults so far.
    pub fn event_counts(&self) -> EventCounts {
        self.0.bus.counts()
    }

    /// Changes limits and behavior; builds that wait for a slot check again.
    pub fn change_settings(&self, change: impl FnOnce(&mut CodeBuildSettings)) {
        self.0.change_settings(change);
    }

    /// Expires all idempotency tokens.
    pub fn expire_tokens(&self) {
        self.0.state().expire_tokens();
    }

    /// Backdates every idempotency token's first use.
    pub fn backdate_tokens(&self, by: Duration) {
        self.0.state().backdate_tokens(by);
    }

    /// Makes the provider lose a build: it goes on running, but no call finds it.
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

    /// The permissions (`codebuild:StartBuild`) that each principal used and was granted, root excluded.
    pub fn used_actions(&self) -> BTreeSet<(String, String)> {
        self.0.state().used_actions.clone()
    }

    /// How often each action was called, rejected calls included.
    pub fn call_counts(&self) -> BTreeMap<String, u64> {
        self.0.state().call_counts.clone()
    }
}
