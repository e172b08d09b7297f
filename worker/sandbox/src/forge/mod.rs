//! A simulated Pagure: it behaves as a recorded Pagure 5.14.1, on top of a git host.
//!
//! One user owns everything ([`ForgeServer::create_token`] acts for that user), there is no persistent database, and no
//! web-hook is sent. Reproduced exactly is what a client can depend on: the order of errors, their bodies, which fields
//! an update keeps, and which strings are stored for a flag that is never shown.
mod api;
mod body;
mod call;
mod document;
mod fault;
mod flag;
mod flag_board;
mod flag_form;
mod plugin_route;
mod pull_request;
mod repository;
mod response;
mod route;
mod router;
mod state;
mod token;
mod web_url;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;

use crate::git_host::GitRepository;
use crate::server::{LoopbackServer, serve, serve_at_port};
use crate::test_ca::TestCa;

pub use call::ForgeCall;
pub use fault::{FaultScope, ForgeFailure, ForgeFault, ReleaseTrigger};
pub use flag::{FlagPost, FlagStatus, PagureFlag};
pub(crate) use flag_board::FlagBoard;
pub use response::ForgeResponse;
pub use token::TokenScope;

use state::ForgeStore;

/// The options of a forge.
#[derive(Debug)]
pub struct ForgeOptions<'a> {
    /// Signs the forge's certificate.
    pub ca: &'a TestCa,
    /// The directory of the bare repositories, created if missing. The forge does not remove it.
    pub dir: PathBuf,
}

/// A running forge. Dropping it stops the server.
#[derive(Debug)]
pub struct ForgeServer {
    store: Arc<ForgeStore>,
    ca: TestCa,
    url: String,
    server: Mutex<Option<LoopbackServer>>,
}

impl ForgeServer {
    /// Serves an empty forge over HTTPS on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// The directory cannot be created, or no port is free.
    pub async fn start(options: ForgeOptions<'_>) -> anyhow::Result<ForgeServer> {
        std::fs::create_dir_all(&options.dir)
            .with_context(|| format!("cannot create the forge's directory {}", options.dir.display()))?;
        let store = ForgeStore::new(options.dir);
        let server = serve(router::router(Arc::clone(&store)), options.ca).await?;
        store.git.set_url(&server.url);
        let (url, ca) = (server.url.clone(), options.ca.clone());
        Ok(ForgeServer { store, ca, url, server: Mutex::new(Some(server)) })
    }

    /// `https://127.0.0.1:<port>`, without a slash at the end. The API is below `/api/0`, a repository at
    /// `/<name>.git`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server, with its connections and calls in flight, and restarts it after that time, at the same address
    /// and with the same data.
    ///
    /// # Errors
    /// Its port is taken meanwhile.
    pub async fn restart(&self, down: Duration) -> anyhow::Result<()> {
        let port = url::Url::parse(&self.url)?.port().context("the forge has no port")?;
        drop(self.server().take());
        tokio::time::sleep(down).await;
        let server = serve_at_port(router::router(Arc::clone(&self.store)), &self.ca, port).await?;
        *self.server() = Some(server);
        Ok(())
    }

    fn server(&self) -> std::sync::MutexGuard<'_, Option<LoopbackServer>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates an empty public repository: `name`, `namespace/name`, or a fork `forks/user/name`.
    ///
    /// # Errors
    /// Pagure does not allow the name, it is taken, or git failed.
    pub async fn create_repository(&self, name: &str) -> anyhow::Result<GitRepository> {
        repository::create(&self.store, name).await
    }

    /// Opens a pull request from a branch into the default branch and returns its number.
    ///
    /// Its title is that of the branch's last commit; its head is at `refs/pull/<number>/head` and follows the branch.
    ///
    /// # Errors
    /// There is no such branch, or git failed.
    pub async fn open_pull_request(
        &self,
        repository: &GitRepository,
        branch: &str,
        initial_comment: &str,
    ) -> anyhow::Result<u64> {
        pull_request::open(&self.store, repository, branch, initial_comment).await
    }

    /// The strings of a pull request's comments, oldest first.
    pub fn comments(&self, repository: &str, pull_request: u64) -> Vec<String> {
        self.store.read(|state| {
            let request = state.pull_request(repository, pull_request);
            request.into_iter().flat_map(|request| &request.comments).map(|comment| comment.text.clone()).collect()
        })
    }

    /// Creates an API token with these ACLs (`commit_flag`, `pull_request_flag`, `pull_request_comment`, …).
    pub fn create_token(&self, scope: TokenScope<'_>, acls: &[&str]) -> String {
        self.store.change(|state| state.tokens.create(scope, acls))
    }

    /// Creates a new token for a repository's CI hook, as its settings page would show it; the previous one becomes
    /// invalid.
    pub fn create_hook_token(&self, repository: &str) -> String {
        self.store.change(|state| state.tokens.create_for_hook(repository))
    }

    /// Expires a token: from now on it is rejected as "Expired token".
    pub fn expire(&self, token: &str) {
        self.store.change(|state| state.tokens.expire(token));
    }

    /// Revokes a token: from now on it is rejected as "Invalid token".
    pub fn revoke(&self, token: &str) {
        self.store.change(|state| state.tokens.revoke(token));
    }

    /// Sets a fault for the next `count` matching calls. Faults set earlier apply first.
    pub fn fail_next(&self, count: usize, calls: FaultScope, fault: ForgeFault) {
        self.store.change(|state| state.faults.add(count, calls, fault));
    }

    /// The number of faults that have not been applied yet.
    pub fn remaining_faults(&self) -> usize {
        self.store.read(|state| state.faults.remaining())
    }

    /// The current flags of a commit, least recently updated first.
    ///
    /// The commit is compared as a string: a flag on a short hash is not on the full one.
    pub fn flags(&self, commit: &str) -> Vec<PagureFlag> {
        self.store.read(|state| state.flags.on_commit(commit))
    }

    /// Every status that was stored for one flag, oldest first.
    pub fn flag_history(&self, commit: &str, uid: &str) -> Vec<FlagStatus> {
        let is_it = |flag: &PagureFlag| flag.commit == commit && flag.uid == uid;
        self.flag_posts().into_iter().filter(|post| is_it(&post.flag)).map(|post| post.flag.status).collect()
    }

    /// Every stored flag POST, in order, across all commits. Rejected ones are only in [`ForgeServer::calls`].
    pub fn flag_posts(&self) -> Vec<FlagPost> {
        self.store.read(|state| state.flags.posts().to_vec())
    }

    /// Every received request, API and git, in the order of arrival.
    pub fn calls(&self) -> Vec<ForgeCall> {
        self.store.read(|state| state.calls.clone())
    }

    /// Waits, without polling, until the condition holds.
    ///
    /// # Errors
    /// `limit` has passed; the error names `what`.
    pub async fn wait_until(
        &self,
        limit: Duration,
        what: &str,
        condition: impl Fn(&ForgeServer) -> bool,
    ) -> anyhow::Result<()> {
        let mut changes = self.store.subscribe();
        let wait = async {
            loop {
                // Before the check, so that a change between the check and the wait is not missed.
                changes.mark_unchanged();
                if condition(self) {
                    return anyhow::Ok(());
                }
                changes.changed().await?;
            }
        };
        tokio::time::timeout(limit, wait)
            .await
            .with_context(|| format!("{what} did not happen at the forge within {limit:?}"))?
    }
}
