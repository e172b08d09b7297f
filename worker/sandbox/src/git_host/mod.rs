//! A git host: bare repositories on disk, served over git's smart HTTP protocol, with logins for private ones.
//!
//! It knows no forge. A forge routes `/<name>.git/…` to `GitHost::serve`, renders a `GitHttpError` as its own page,
//! and is called back through `PostReceive` when a branch moves.
mod error;
mod fast_import;
mod git;
mod login;
mod repository;
mod smart_http;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::ensure;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use doorbell_messages::CommitId;

pub use login::GitLogin;
pub use repository::{CommitFile, EXECUTABLE_FILE, GitRepository, REGULAR_FILE};

pub(crate) use error::GitHttpError;
pub(crate) use repository::DEFAULT_BRANCH;

/// git's `post-receive` hook: how a forge learns that a branch moved.
pub(crate) trait PostReceive: Send + Sync {
    /// Records the branch's new commit and returns the refs that must point to it, too.
    fn branch_moved(&self, repository: &str, branch: &str, commit: &CommitId) -> Vec<String>;
}

/// The repositories of one host and who may clone them.
pub(crate) struct GitHost {
    /// The root of the bare repositories.
    dir: PathBuf,
    url: OnceLock<String>,
    /// By repository; an empty list makes it public.
    logins: Mutex<BTreeMap<String, Vec<GitLogin>>>,
    post_receive: Box<dyn PostReceive>,
}

impl std::fmt::Debug for GitHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GitHost").field("dir", &self.dir).field("url", &self.url).finish_non_exhaustive()
    }
}

impl GitHost {
    pub(crate) fn new(dir: PathBuf, post_receive: Box<dyn PostReceive>) -> Self {
        Self { dir, url: OnceLock::new(), logins: Mutex::default(), post_receive }
    }

    /// Sets the base URL, once. A request may arrive a moment earlier; it waits in [`GitHost::url`].
    pub(crate) fn set_url(&self, url: &str) {
        self.url.get_or_init(|| url.to_owned());
    }

    /// The base URL, without a slash at the end; blocks until it is set.
    pub(crate) fn url(&self) -> &str {
        self.url.wait()
    }

    /// Creates an empty public repository.
    ///
    /// # Errors
    /// The name is invalid or taken, or git failed.
    pub(crate) async fn create_repository(self: &Arc<Self>, name: &str) -> anyhow::Result<GitRepository> {
        ensure!(repository::is_valid_name(name), "invalid repository name: {name:?}");
        {
            let mut logins = self.logins();
            ensure!(!logins.contains_key(name), "the repository {name} exists already");
            logins.insert(name.to_owned(), Vec::new());
        }
        GitRepository::init(Arc::clone(self), name).await
    }

    /// The repository of this name, if there is one.
    pub(crate) fn repository(self: &Arc<Self>, name: &str) -> Option<GitRepository> {
        self.logins().contains_key(name).then(|| GitRepository::new(Arc::clone(self), name))
    }

    /// Whether the repository exists and may be cloned without a login.
    pub(crate) fn is_public(&self, name: &str) -> bool {
        self.logins().get(name).is_some_and(Vec::is_empty)
    }

    /// Whether an `Authorization` header holds a login of the repository.
    pub(crate) fn has_login(&self, name: &str, authorization: Option<&str>) -> bool {
        let logins = self.logins();
        logins.get(name).zip(authorization).is_some_and(|(logins, header)| logins.iter().any(|one| one.matches(header)))
    }

    /// Serves one request below `/<name>.git/`. Clones and fetches only; a push is rejected.
    ///
    /// # Errors
    /// The repository is unknown, or private and the request has no login for it, or git failed.
    pub(crate) async fn serve(&self, name: &str, request: Request) -> Result<Response, GitHttpError> {
        let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if !self.logins().contains_key(name) {
            return Err(GitHttpError::NotFound);
        }
        if !self.is_public(name) && !self.has_login(name, authorization) {
            return Err(GitHttpError::LoginRequired);
        }
        smart_http::run_backend(&self.dir, request).await.map_err(GitHttpError::Backend)
    }

    fn set_logins(&self, name: &str, logins: &[GitLogin]) {
        if let Some(current) = self.logins().get_mut(name) {
            *current = logins.to_vec();
        }
    }

    fn logins(&self) -> MutexGuard<'_, BTreeMap<String, Vec<GitLogin>>> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;

    use super::*;

    /// Moves one more ref with each branch and keeps the calls.
    #[derive(Default)]
    struct RecordingHook(Arc<Mutex<Vec<String>>>);

    impl PostReceive for RecordingHook {
        fn branch_moved(&self, repository: &str, branch: &str, commit: &CommitId) -> Vec<String> {
            self.0.lock().unwrap().push(format!("{repository} {branch} {commit}"));
            vec!["refs/changes/1".to_owned()]
        }
    }

    fn host(dir: &tempfile::TempDir) -> (Arc<GitHost>, Arc<Mutex<Vec<String>>>) {
        let hook = RecordingHook::default();
        let calls = Arc::clone(&hook.0);
        (Arc::new(GitHost::new(dir.path().to_owned(), Box::new(hook))), calls)
    }

    #[tokio::test]
    async fn git_host_without_a_forge_serves_with_logins() {
        let dir = tempfile::tempdir().unwrap();
        let (host, _) = host(&dir);
        let repository = host.create_repository("team/demo").await.unwrap();
        let get = async |name: &str, authorization: &str| {
            let uri = format!("/{name}.git/info/refs?service=git-upload-pack");
            let request = Request::get(uri).header(AUTHORIZATION, authorization).body(Body::empty()).unwrap();
            match host.serve(name, request).await {
                Ok(response) => response.status(),
                Err(error) => error.status(),
            }
        };
        assert_eq!(get("team/demo", "").await, StatusCode::OK);
        assert_eq!(get("team/other", "").await, StatusCode::NOT_FOUND);
        repository.make_private(&[GitLogin::Bearer("secret".to_owned())]);
        assert_eq!(get("team/demo", "").await, StatusCode::UNAUTHORIZED);
        assert_eq!(get("team/demo", "Bearer wrong").await, StatusCode::UNAUTHORIZED);
        assert_eq!(get("team/demo", "Bearer secret").await, StatusCode::OK);
    }

    #[tokio::test]
    async fn moved_branch_moves_the_refs_that_the_hook_names() {
        let dir = tempfile::tempdir().unwrap();
        let (host, calls) = host(&dir);
        let repository = host.create_repository("demo").await.unwrap();
        let one = repository.commit("main", &[("a", REGULAR_FILE, "1")], "one").await.unwrap();
        let two = repository.commit("main", &[("a", REGULAR_FILE, "2")], "two").await.unwrap();
        let change = async || git::refs(&repository.path(), "refs/changes").await.unwrap();
        assert_eq!(change().await, [("1".to_owned(), two.to_string())]);
        repository.move_branch("main", &one).await.unwrap();
        assert_eq!(change().await, [("1".to_owned(), one.to_string())]);
        let expected = [&one, &two, &one].map(|commit| format!("demo main {commit}"));
        assert_eq!(*calls.lock().unwrap(), expected);
    }
}
