//! Where it all comes together: the state, the clock, the services around, and the builds that run.
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
    /// Known as soon as the server listens; nobody can call before.
    url: OnceLock<String>,
    /// Somebody may find a free place now.
    slot_freed: Notify,
    pub(super) held_replies: watch::Sender<HeldReplies>,
    pub(super) credentials: CredentialsEndpoint,
    running: Mutex<RunningBuilds>,
}

/// Replies that are kept back.
#[derive(Debug, Default)]
pub(super) struct HeldReplies {
    pub(super) action: Option<String>,
    /// How many were kept back since the action was named.
    pub(super) count: usize,
}

#[derive(Debug, Default)]
struct RunningBuilds {
    /// The server ends: nothing is started any more.
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

    /// Runs work for as long as the server lives.
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
        // The event is put before the lock is left: the build's later ones can't overtake it.
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
        let answer = json!({"build": build.to_json(&location)});
        let processes = self.register_processes(&build.id);
        self.spawn(run::run(self.clone(), build, processes));
        Ok(answer)
    }

    /// A build's processes, to be found again when the server ends.
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

    /// Comes when the build has a place to run; in which order those that wait get theirs is not promised.
    pub(super) async fn wait_for_slot(&self, id: &str) {
        loop {
            let mut freed = std::pin::pin!(self.slot_freed.notified());
            // Before the look, so that a place which is freed right after it is not missed.
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

    /// Ends all builds where they stand; nothing of them survives.
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
    // The 4 says the version, the 8 the variant.
    Ok(format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]))
}
