//! Where it all comes together: the books, the clock, the services around, and the builds that run.
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::action::Action;
use super::books::{Books, Started};
use super::build::Place;
use super::bus::Bus;
use super::lent_roles::LentRoles;
use super::options::{CodeBuildOptions, Settings};
use super::phase::{Failure, PhaseKind, PhaseStatus};
use super::processes::Processes;
use super::refusal::Refusal;
use super::services::BuildRole;
use super::start_build::StartBuild;
use super::{event, run};
use crate::aws::AwsError;
use crate::credentials::random_hex;

#[derive(Debug)]
pub(super) struct Site {
    pub(super) options: CodeBuildOptions,
    books: Mutex<Books>,
    pub(super) bus: Bus,
    /// Known as soon as the server listens; nobody can call before.
    url: OnceLock<String>,
    /// Somebody may find a free place now.
    places: Notify,
    pub(super) held: watch::Sender<Held>,
    pub(super) lent: LentRoles,
    running: Mutex<Running>,
}

/// Replies that are kept back.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) action: Option<String>,
    /// How many were kept back since the action was named.
    pub(super) count: usize,
}

#[derive(Debug, Default)]
struct Running {
    /// The server ends: nothing is started any more.
    closed: bool,
    tasks: JoinSet<()>,
    processes: Vec<Weak<Processes>>,
}

impl Site {
    pub(super) fn new(options: CodeBuildOptions, bus: Bus) -> Self {
        Self {
            books: Mutex::new(Books::new(options.settings.clone())),
            options,
            bus,
            url: OnceLock::new(),
            places: Notify::new(),
            held: watch::Sender::default(),
            lent: LentRoles::default(),
            running: Mutex::default(),
        }
    }

    pub(super) fn listens_at(&self, url: &str) {
        self.url.get_or_init(|| url.to_owned());
    }

    pub(super) fn place(&self) -> Place {
        Place {
            region: self.options.region.clone(),
            account: self.options.account.clone(),
            url: self.url.get().cloned().unwrap_or_default(),
        }
    }

    pub(super) fn project_arn(&self, name: &str) -> String {
        self.place().arn(&format!("project/{name}"))
    }

    pub(super) fn count(&self, action: Action) {
        *self.books().calls.entry(action.name().to_owned()).or_default() += 1;
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn settings(&self) -> Settings {
        self.books().settings.clone()
    }

    pub(super) fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.books().settings);
        self.places.notify_waiters();
    }

    /// Runs work for as long as the server lives.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.tasks.try_join_next().is_some() {}
        if !running.closed {
            running.tasks.spawn(work);
        }
    }

    pub(super) fn start_build(self: &Arc<Self>, call: &StartBuild, initiator: &str) -> Result<Value, Refusal> {
        let (place, now) = (self.place(), Timestamp::now());
        let uuid = new_uuid().map_err(Refusal::internal)?;
        // The event is put before the lock is left: the build's later ones can't overtake it.
        let build = {
            let mut books = self.books();
            match books.start(call, initiator, &uuid, &place, now)? {
                Started::Known(build) => return Ok(json!({"build": build.show(&place)})),
                Started::New(build) => {
                    self.bus.put(event::state_change(&build, &place, now));
                    build
                }
            }
        };
        let answer = json!({"build": build.show(&place)});
        let processes = self.processes_of(&build.id);
        self.spawn(run::run(self.clone(), build, processes));
        Ok(answer)
    }

    /// A build's processes, to be found again when the server ends.
    fn processes_of(&self, id: &str) -> Arc<Processes> {
        let processes = Arc::new(Processes::of_build(id));
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.processes.retain(|processes| processes.strong_count() > 0);
        running.processes.push(Arc::downgrade(&processes));
        processes
    }

    pub(super) fn begin_phase(&self, id: &str, phase: PhaseKind) {
        self.books().change(id, |build| build.begin(phase, Timestamp::now()));
    }

    pub(super) fn end_phase(&self, id: &str, outcome: Result<(), Failure>) {
        let (status, context) = match outcome {
            Ok(()) => (PhaseStatus::Succeeded, None),
            Err(failure) => (failure.status, Some(failure.context)),
        };
        let place = self.place();
        self.books().change(id, |build| {
            build.end(status, context, Timestamp::now());
            if let Some(event) = event::phase_change(build, &place) {
                self.bus.put(event);
            }
        });
    }

    pub(super) fn complete(&self, id: &str) {
        let (place, now) = (self.place(), Timestamp::now());
        self.books().change(id, |build| {
            build.complete(now);
            self.bus.put(event::state_change(build, &place, now));
        });
        self.places.notify_waiters();
    }

    /// Comes when the build has a place to run; in which order those that wait get theirs is not promised.
    pub(super) async fn place_for(&self, id: &str) {
        loop {
            let mut freed = std::pin::pin!(self.places.notified());
            // Before the look, so that a place which is freed right after it is not missed.
            freed.as_mut().enable();
            if self.books().take_place(id) {
                return;
            }
            freed.await;
        }
    }

    pub(super) async fn assume(
        &self,
        role_arn: &str,
        session: &str,
        project: &str,
    ) -> Result<Arc<dyn BuildRole>, AwsError> {
        let role = self.options.services.assume(role_arn, session, &self.project_arn(project)).await?;
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
