use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use jiff::Timestamp;
use tokio::sync::watch;

use super::call::ForgeCall;
use super::fault::FaultQueue;
use super::flag::FlagStore;
use super::token::ApiTokens;
use crate::git_host::GitHost;

/// The git host and Pagure's database, shared by the server and the tests' handle.
pub(super) struct ForgeStore {
    pub(super) git: Arc<GitHost>,
    state: Mutex<ForgeState>,
    changed: watch::Sender<()>,
}

/// Pagure's database, and the recorded calls and faults.
pub(super) struct ForgeState {
    pub(super) tokens: ApiTokens,
    pub(super) flags: FlagStore,
    pub(super) repositories: BTreeMap<String, RepositoryRecord>,
    pub(super) calls: Vec<ForgeCall>,
    pub(super) faults: FaultQueue,
    comments: u64,
}

/// What Pagure's database, not git, holds of a repository.
#[derive(Debug, Clone)]
pub(super) struct RepositoryRecord {
    pub(super) id: usize,
    pub(super) created: Timestamp,
    /// The pull requests; the first has number 1.
    pub(super) pull_requests: Vec<PullRequestRecord>,
}

/// A pull request from a branch of the same repository into its default branch.
#[derive(Debug, Clone)]
pub(super) struct PullRequestRecord {
    pub(super) branch_from: String,
    pub(super) commit_start: String,
    pub(super) commit_stop: String,
    pub(super) title: String,
    pub(super) initial_comment: String,
    pub(super) uid: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) comments: Vec<PullRequestComment>,
}

/// A comment on a pull request.
#[derive(Debug, Clone)]
pub(super) struct PullRequestComment {
    pub(super) id: u64,
    pub(super) text: String,
    pub(super) created: Timestamp,
}

impl std::fmt::Debug for ForgeStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForgeStore").field("git", &self.git).finish_non_exhaustive()
    }
}

impl ForgeStore {
    pub(super) fn new(dir: PathBuf) -> Arc<Self> {
        // Two forges of one sandbox must not accept each other's tokens.
        let tokens = ApiTokens::new(dir.as_os_str());
        let state = ForgeState {
            tokens,
            flags: FlagStore::default(),
            repositories: BTreeMap::new(),
            calls: Vec::new(),
            faults: FaultQueue::default(),
            comments: 0,
        };
        Arc::new_cyclic(|store: &Weak<Self>| Self {
            git: Arc::new(GitHost::new(dir, Box::new(Weak::clone(store)))),
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
        })
    }

    /// The forge's base URL; git and the API share it.
    pub(super) fn url(&self) -> &str {
        self.git.url()
    }

    pub(super) fn read<T>(&self, query: impl FnOnce(&ForgeState) -> T) -> T {
        query(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the state atomically and wakes all waiters.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut ForgeState) -> T) -> T {
        let result = change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_replace(());
        result
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

impl ForgeState {
    pub(super) fn pull_request(&self, repository: &str, number: u64) -> Option<&PullRequestRecord> {
        self.repositories.get(repository)?.pull_requests.get(index(number)?)
    }

    pub(super) fn pull_request_mut(&mut self, repository: &str, number: u64) -> Option<&mut PullRequestRecord> {
        self.repositories.get_mut(repository)?.pull_requests.get_mut(index(number)?)
    }

    /// The id of a new comment; ids count across the whole forge.
    pub(super) fn next_comment_id(&mut self) -> u64 {
        self.comments += 1;
        self.comments
    }
}

fn index(number: u64) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}
