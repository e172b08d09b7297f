use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use super::call::ForgeCall;
use super::fault::FaultQueue;
use super::flag::FlagStore;
use super::smart_http::GitLogin;
use super::token::ApiTokens;

/// What the server, the tests' handle and the repositories share.
pub(super) struct ForgeStore {
    /// The root of the bare repositories.
    pub(super) dir: PathBuf,
    url: OnceLock<String>,
    state: Mutex<ForgeState>,
    changed: watch::Sender<()>,
}

/// Everything that the forge remembers.
pub(super) struct ForgeState {
    pub(super) tokens: ApiTokens,
    pub(super) flags: FlagStore,
    pub(super) repositories: BTreeMap<String, RepositoryRecord>,
    pub(super) calls: Vec<ForgeCall>,
    pub(super) faults: FaultQueue,
    comments: u64,
}

/// What Pagure's database, not git, knows of a repository.
#[derive(Debug, Clone)]
pub(super) struct RepositoryRecord {
    pub(super) id: usize,
    pub(super) created: Timestamp,
    /// Empty: anybody may clone it and see it.
    pub(super) logins: Vec<GitLogin>,
    /// Number 1 first.
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
        f.debug_struct("Shared").field("dir", &self.dir).field("url", &self.url).finish_non_exhaustive()
    }
}

impl ForgeStore {
    pub(super) fn new(dir: PathBuf) -> Self {
        // Two forges of one world must not accept each other's tokens.
        let tokens = ApiTokens::new(dir.as_os_str());
        let state = ForgeState {
            tokens,
            flags: FlagStore::default(),
            repositories: BTreeMap::new(),
            calls: Vec::new(),
            faults: FaultQueue::default(),
            comments: 0,
        };
        Self { dir, url: OnceLock::new(), state: Mutex::new(state), changed: watch::Sender::new(()) }
    }

    /// Says where the forge is reached. A request may arrive a moment earlier; it waits in [`CredentialsState::url`].
    pub(super) fn set_url(&self, url: &str) {
        self.url.get_or_init(|| url.to_owned());
    }

    pub(super) fn url(&self) -> &str {
        self.url.wait()
    }

    pub(super) fn read<T>(&self, query: impl FnOnce(&ForgeState) -> T) -> T {
        query(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the state as one step and wakes who waits for a change.
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

    /// Comment ids count through the whole forge.
    pub(super) fn next_comment_id(&mut self) -> u64 {
        self.comments += 1;
        self.comments
    }
}

fn index(number: u64) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}
