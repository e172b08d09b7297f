//! The simulator: the state, the clock, the services that it calls, and the running builds.
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::action::ApiAction;
use super::build::AwsLocation;
use super::bus::EventBus;
use super::container_credentials::CredentialsEndpoint;
use super::error::CodeBuildError;
use super::options::{CodeBuildOptions, CodeBuildSettings};
use super::phase::{PhaseFailure, PhaseKind, PhaseStatus};
use super::processes::BuildProcesses;
use super::services::BuildRole;
use super::start_build::StartBuildInput;
use super::state::{CodeBuildState, StartResult};
use super::{event, run};
use crate::aws::AwsError;
use crate::credentials::random_hex;

#[derive(Debug)]
pub(super) struct CodeBuildSimulator {
    pub(super) options: CodeBuildOptions,
    state: Mutex<CodeBuildState>,
    pub(super) bus: EventBus,
    /// Set as soon as the server listens; no call can arrive before.
    url: OnceLock<String>,
    /// Notified when a slot may be free.
    slot_freed: Notify,
    pub(super) held_replies: watch::Sender<HeldReplies>,
    pub(super) credentials: CredentialsEndpoint,
    running: Mutex<RunningBuilds>,
}

/// The replies that are held.
#[derive(Debug, Default)]
pub(super) struct HeldReplies {
    pub(super) action: Option<String>,
    /// How many were held since the action was set.
    pub(super) count: usize,
}

#[derive(Debug, Default)]
struct RunningBuilds {
    /// The server is shutting down: nothing is started any more.
    closed: bool,
    tasks: JoinSet<()>,
    processes: Vec<Weak<BuildProcesses>>,
}

impl CodeBuildSimulator {
    pub(super) fn new(options: CodeBuildOptions, bus: EventBus) -> Self {
        Self {
            state: Mutex::new(CodeBuildState::new(options.settings.clone())),
            options,
            bus,
            url: OnceLock::new(),
            slot_freed: Notify::new(),
            held_replies: watch::Sender::default(),
            credentials: CredentialsEndpoint::default(),
            running: Mutex::default(),
        }
    }

    pub(super) fn set_url(&self, url: &str) {
        self.url.get_or_init(|| url.to_owned());
    }

    pub(super) fn location(&self) -> AwsLocation {
        AwsLocation {
            region: self.options.region.clone(),
            account: self.options.account.clone(),
            url: self.url.get().cloned().unwrap_or_default(),
        }
    }

    pub(super) fn project_arn(&self, name: &str) -> String {
        self.location().arn(&format!("project/{name}"))
    }

    pub(super) fn count_call(&self, action: ApiAction) {
        *self.state().call_counts.entry(action.name().to_owned()).or_default() += 1;
    }

    pub(super) fn state(&self) -> MutexGuard<'_, CodeBuildState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn settings(&self) -> CodeBuildSettings {
        self.state().settings.clone()
    }

    pub(super) fn change_settings(&self, change: impl FnOnce(&mut CodeBuildSettings)) {
        change(&mut self.state().settings);
        self.slot_freed.notify_waiters();
    }

    /// Runs a future until the server shuts down.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.tasks.try_join_next().is_some() {}
        if !running.closed {
            running.tasks.spawn(work);
        }
    }

    pub(super) fn start_build(
        self: &Arc<Self>,
        call: &StartBuildInput,
        initiator: &str,
    ) -> Result<Value, CodeBuildError> {
        let (location, now) = (self.location(), Timestamp::now());
        let uuid = new_uuid().map_err(CodeBuildError::internal)?;
        // The event is sent before the lock is released: the build's later events cannot overtake it.
        let build = {
            let mut state = self.state();
            match state.start(call, initiator, &uuid, &location, now)? {
                StartResult::Existing(build) => return Ok(json!({"build": build.to_json(&location)})),
                StartResult::New(build) => {
                    self.bus.publish(event::state_change(&build, &location, now));
                    build
                }
            }
        };
        let response = json!({"build": build.to_json(&location)});
        let processes = self.register_processes(&build.id);
        self.spawn(run::run(self.clone(), build, processes));
        Ok(response)
    }

    /// A build's processes, registered so that they can be killed when the server shuts down.
    fn register_processes(&self, id: &str) -> Arc<BuildProcesses> {
        let processes = Arc::new(BuildProcesses::of_build(id));
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.processes.retain(|processes| processes.strong_count() > 0);
        running.processes.push(Arc::downgrade(&processes));
        processes
    }

    pub(super) fn begin_phase(&self, id: &str, phase: PhaseKind) {
        self.state().update_build(id, |build| build.begin(phase, Timestamp::now()));
    }

    pub(super) fn end_phase(&self, id: &str, outcome: Result<(), PhaseFailure>) {
        let (status, context) = match outcome {
            Ok(()) => (PhaseStatus::Succeeded, None),
            Err(failure) => (failure.status, Some(failure.context)),
        };
        let location = self.location();
        self.state().update_build(id, |build| {
            build.end(status, context, Timestamp::now());
            if let Some(event) = event::phase_change(build, &location) {
                self.bus.publish(event);
            }
        });
    }

    pub(super) fn complete(&self, id: &str) {
        let (location, now) = (self.location(), Timestamp::now());
        self.state().update_build(id, |build| {
            build.complete(now);
            self.bus.publish(event::state_change(build, &location, now));
        });
        self.slot_freed.notify_waiters();
    }

    /// Waits until the build has a slot; waiting builds get theirs in no particular order.
    pub(super) async fn wait_for_slot(&self, id: &str) {
        loop {
            let mut freed = std::pin::pin!(self.slot_freed.notified());
            // Registered before the check, so that a slot freed right after the check is not missed.
            freed.as_mut().enable();
            if self.state().try_start_running(id) {
                return;
            }
            freed.await;
        }
    }

    pub(super) async fn assume_role(
        &self,
        role_arn: &str,
        session: &str,
        project: &str,
    ) -> Result<Arc<dyn BuildRole>, AwsError> {
        let role = self.options.services.assume_role(role_arn, session, &self.project_arn(project)).await?;
        self.options.keys.add(role.key().clone());
        Ok(role)
    }

    /// Ends all builds at once, with all their processes.
    pub(super) fn shut_down(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.closed = true;
        running.tasks.abort_all();
        for processes in running.processes.drain(..).filter_map(|processes| processes.upgrade()) {
            processes.kill();
        }
    }
}

/// A random UUID (version 4).
fn new_uuid() -> anyhow::Result<String> {
    let hex = random_hex(16)?;
    // The 4 is the version, the 8 the variant.
    Ok(format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]))
}
