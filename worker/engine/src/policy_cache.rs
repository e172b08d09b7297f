//! The policies that a worker has read, and the jobs that wait for one. Asking it never waits and costs no call.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorbell_messages::{JobKey, ProjectName};
use doorbell_registry::BuildProjectName;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::domain::{Policy, PolicyLookup, RegistryDocuments, Timestamp};
use crate::project_names::{NameState, ProjectNames};

/// Time to live of a policy: a change of the registry is in force after this.
const POLICY_TTL: Duration = Duration::from_secs(30);

/// Time to live of an invalid document: the owner who fixes it waits no longer.
const INVALID_TTL: Duration = Duration::from_secs(5);

/// The policies by project.
#[derive(Debug)]
pub(crate) struct PolicyCache {
    state: Mutex<PolicyState>,
    fallback: Option<BuildProjectName>,
    /// A registered project's document is to be read.
    pub(crate) read_wanted: Notify,
    /// A job asks for a name that is not known: a single read is to be made.
    pub(crate) name_asked: Notify,
    /// The same, for the passes.
    pub(crate) pass_wanted: Notify,
}

#[derive(Debug, Default)]
struct PolicyState {
    names: ProjectNames,
    copies: HashMap<ProjectName, PolicyCopy>,
    /// Jobs that wait for a read of a registered project.
    readers: HashMap<ProjectName, Vec<JobKey>>,
    read_order: VecDeque<ProjectName>,
}

#[derive(Debug)]
struct PolicyCopy {
    lookup: PolicyLookup,
    expires_at: Instant,
}

/// A registered project whose document is to be read, with the jobs that wait for it.
pub(crate) type WantedRead = (ProjectName, Vec<JobKey>);

impl PolicyCache {
    pub(crate) fn new(fallback: Option<BuildProjectName>) -> Self {
        Self {
            state: Mutex::default(),
            fallback,
            read_wanted: Notify::new(),
            name_asked: Notify::new(),
            pass_wanted: Notify::new(),
        }
    }

    /// What is known of a project for a job that was received at this time.
    pub(crate) fn peek(&self, project: &ProjectName, received_at: Timestamp) -> PolicyLookup {
        let state = self.state();
        if let Some(copy) = state.copies.get(project).filter(|copy| Instant::now() < copy.expires_at) {
            return copy.lookup.clone();
        }
        match state.names.state(project, received_at) {
            NameState::Known => PolicyLookup::Pending { is_registered: true },
            NameState::Unknown => PolicyLookup::Pending { is_registered: false },
            NameState::Absent => PolicyLookup::NotRegistered,
        }
    }

    /// The project's policy, if this worker has a valid one.
    pub(crate) fn cached(&self, project: &ProjectName) -> Option<Arc<Policy>> {
        let state = self.state();
        match &state.copies.get(project).filter(|copy| Instant::now() < copy.expires_at)?.lookup {
            PolicyLookup::Found(policy) => Some(Arc::clone(policy)),
            _ => None,
        }
    }

    pub(crate) fn is_known(&self, project: &ProjectName) -> bool {
        self.state().names.is_known(project)
    }

    /// Notes that a job waits for its policy. The reader calls the job when it has it; the job's due time covers a crash.
    pub(crate) fn wait_for(&self, project: &ProjectName, key: &JobKey, received_at: Timestamp) {
        let mut state = self.state();
        if state.names.is_known(project) {
            state.add_reader(project, key);
            self.read_wanted.notify_one();
        } else {
            state.names.wait_for(project, key, received_at);
            self.name_asked.notify_one();
            self.pass_wanted.notify_one();
        }
    }

    /// The next registered projects that jobs wait for, at most `count`.
    pub(crate) fn take_wanted(&self, count: usize) -> Vec<WantedRead> {
        let mut state = self.state();
        let mut wanted = Vec::new();
        while wanted.len() < count
            && let Some(name) = state.read_order.pop_front()
        {
            wanted.extend(state.readers.remove(&name).map(|jobs| (name, jobs)));
        }
        wanted
    }

    /// Wants reads again that failed.
    pub(crate) fn put_back(&self, wanted: Vec<WantedRead>) {
        let mut state = self.state();
        for (name, jobs) in wanted {
            jobs.iter().for_each(|key| state.add_reader(&name, key));
        }
    }

    /// Keeps what the registry has for a project. Returns it as jobs see it.
    pub(crate) fn store(&self, project: &ProjectName, documents: &RegistryDocuments) -> PolicyLookup {
        let (lookup, ttl) = match Policy::read(documents, self.fallback.as_ref()) {
            Ok(policy) => {
                for warning in &policy.warnings {
                    tracing::warn!(project = %project, "registry: {warning}");
                }
                (PolicyLookup::Found(Arc::new(policy)), POLICY_TTL)
            }
            Err(error) => (PolicyLookup::Invalid(error.to_string()), INVALID_TTL),
        };
        let copy = PolicyCopy { lookup: lookup.clone(), expires_at: Instant::now() + ttl };
        self.state().copies.insert(project.clone(), copy);
        lookup
    }

    /// A registered project's document is gone: its jobs wait until that is confirmed.
    pub(crate) fn forget(&self, project: &ProjectName, jobs: &[JobKey], now: Timestamp) {
        let mut state = self.state();
        state.names.forget(project);
        state.copies.remove(project);
        jobs.iter().for_each(|key| state.names.wait_for(project, key, now));
        self.name_asked.notify_one();
        self.pass_wanted.notify_one();
    }

    /// Adds registered names. The documents for which jobs wait are to be read then.
    pub(crate) fn add_known(&self, names: impl IntoIterator<Item = ProjectName>) {
        let mut state = self.state();
        for (name, jobs) in state.names.add_known(names) {
            jobs.iter().for_each(|key| state.add_reader(&name, key));
        }
        self.read_wanted.notify_one();
    }

    /// A single read found a project. Returns the jobs that wait for it.
    pub(crate) fn add_found(&self, project: &ProjectName) -> Vec<JobKey> {
        let found = self.state().names.add_known([project.clone()]);
        found.into_iter().flat_map(|(_, jobs)| jobs).collect()
    }

    /// Ends a pass: see [`ProjectNames::end_pass`].
    pub(crate) fn end_pass(&self, began: Timestamp, began_at: Instant, found: &HashSet<ProjectName>) -> Vec<JobKey> {
        let mut state = self.state();
        let decided = state.names.end_pass(began, began_at, found);
        let PolicyState { names, copies, .. } = &mut *state;
        copies.retain(|name, _| names.is_known(name));
        decided
    }

    /// The registered names, sorted.
    pub(crate) fn known_names(&self) -> Vec<ProjectName> {
        self.state().names.known()
    }

    /// The next name that a single read is for.
    pub(crate) fn next_to_read(&self) -> Option<ProjectName> {
        self.state().names.next_to_read()
    }

    /// Notes a single read that did not find the name. Returns the jobs that this decides.
    pub(crate) fn note_missed(&self, name: &ProjectName) -> Vec<JobKey> {
        self.state().names.note_missed(name)
    }

    /// Lets a failed single read be tried again.
    pub(crate) fn retry_read(&self, name: ProjectName) {
        self.state().names.retry_read(name);
    }

    fn state(&self) -> MutexGuard<'_, PolicyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PolicyState {
    fn add_reader(&mut self, name: &ProjectName, key: &JobKey) {
        let jobs = self.readers.entry(name.clone()).or_insert_with(|| {
            self.read_order.push_back(name.clone());
            Vec::new()
        });
        if !jobs.contains(key) {
            jobs.push(key.clone());
        }
    }
}
