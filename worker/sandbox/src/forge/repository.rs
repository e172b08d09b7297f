use std::path::PathBuf;
use std::sync::Arc;

use anyhow::ensure;
use doorbell_messages::CommitId;
use jiff::Timestamp;
use tokio::process::Command;

use super::fast_import::{NewCommit, commit_stream};
use super::smart_http::GitLogin;
use super::state::{ForgeStore, RepositoryRecord};
use super::{document, git};

/// A file's mode for [`GitRepository::commit`].
pub const REGULAR_FILE: &str = "100644";
/// A script's mode for [`GitRepository::commit`].
pub const EXECUTABLE_FILE: &str = "100755";

/// A file of a commit: path, mode, content.
pub type CommitFile<'a> = (&'a str, &'a str, &'a str);

/// The default branch of every repository.
pub(super) const DEFAULT_BRANCH: &str = "main";

/// When the first commit of every repository was made; each next one is a second younger.
const FIRST_COMMIT_SECONDS: i64 = 1_700_000_000;

/// A bare repository of the forge, to be changed as pushes would. Its commit ids depend on its content alone.
/// Change one repository from one task at a time.
#[derive(Debug, Clone)]
pub struct GitRepository {
    pub(super) store: Arc<ForgeStore>,
    pub(super) name: String,
}

impl GitRepository {
    pub(super) async fn create(store: Arc<ForgeStore>, name: &str) -> anyhow::Result<Self> {
        ensure!(is_repository_name(name), "no repository name: {name:?}");
        let record =
            |id| RepositoryRecord { id, created: Timestamp::now(), logins: Vec::new(), pull_requests: Vec::new() };
        let is_new = store.change(|state| {
            let id = state.repositories.len() + 1;
            let is_new = !state.repositories.contains_key(name);
            state.repositories.entry(name.to_owned()).or_insert_with(|| record(id));
            is_new
        });
        ensure!(is_new, "the repository {name} exists already");
        let repository = Self { store, name: name.to_owned() };
        let mut init = git::bare_command();
        init.args(["init", "--quiet", "--bare", "--template=", "--initial-branch", DEFAULT_BRANCH])
            .arg(repository.path());
        git::run(init, b"").await?;
        Ok(repository)
    }

    /// What to clone: `https://127.0.0.1:<port>/<name>.git`.
    pub fn url(&self) -> String {
        format!("{}/{}.git", self.store.url(), self.name)
    }

    /// Its full name, `forks/…` with a fork.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is on disk.
    pub fn path(&self) -> PathBuf {
        git::repository_dir(&self.store.dir, &self.name)
    }

    /// Adds a commit to a branch: its tip's files with these (path, mode, content) added or replaced. A new branch
    /// begins at the default branch's tip, if there is one. Open pull requests from the branch follow it.
    ///
    /// # Errors
    /// git refuses the branch, a path or a mode.
    pub async fn commit(&self, branch: &str, files: &[(&str, &str, &str)], message: &str) -> anyhow::Result<CommitId> {
        let parent = match self.tip(branch).await? {
            Some(tip) => Some(tip),
            None => self.tip(DEFAULT_BRANCH).await?,
        };
        let seconds = self.next_seconds().await?;
        let new = NewCommit { branch, parent: parent.as_ref(), files, message, seconds };
        let commit = parse_commit(&self.import(&[new]).await?)?;
        self.update_pull_request_heads(branch, &commit).await?;
        Ok(commit)
    }

    /// Makes many branches at once, each with one commit of its files and with the branch's name
    /// as its message; answers the commits in the same order.
    ///
    /// # Errors
    /// git refuses a branch, a path or a mode.
    pub async fn create_branches(&self, branches: &[(&str, &[CommitFile<'_>])]) -> anyhow::Result<Vec<CommitId>> {
        let seconds = self.next_seconds().await?;
        let new = |(branch, files)| NewCommit { branch, parent: None, files, message: branch, seconds };
        let commits: Vec<_> = branches.iter().copied().map(new).collect();
        self.import(&commits).await?.lines().map(parse_commit).collect()
    }

    async fn import(&self, commits: &[NewCommit<'_>]) -> anyhow::Result<String> {
        let mut import = self.git(0);
        import.args(["fast-import", "--quiet"]);
        git::run(import, &commit_stream(commits)?).await
    }

    /// The commit a branch is at.
    ///
    /// # Errors
    /// git failed.
    pub async fn tip(&self, branch: &str) -> anyhow::Result<Option<CommitId>> {
        let branches = git::refs(&self.path(), "refs/heads").await?;
        branches.iter().find(|(name, _)| name == branch).map(|(_, commit)| parse_commit(commit)).transpose()
    }

    /// Moves a branch, as a forced push does. Open pull requests from the branch follow it.
    ///
    /// # Errors
    /// The commit is not in the repository.
    pub async fn move_branch(&self, branch: &str, commit: &CommitId) -> anyhow::Result<()> {
        self.update_ref(&format!("refs/heads/{branch}"), commit).await?;
        self.update_pull_request_heads(branch, commit).await
    }

    /// Deletes a branch. Its pull requests keep their heads.
    ///
    /// # Errors
    /// git refuses the name.
    pub async fn delete_branch(&self, branch: &str) -> anyhow::Result<()> {
        let mut delete = self.git(0);
        delete.args(["update-ref", "-d"]).arg(format!("refs/heads/{branch}"));
        git::run(delete, b"").await.map(drop)
    }

    /// A lightweight tag, made or moved.
    ///
    /// # Errors
    /// The commit is not in the repository, or git refuses the name.
    pub async fn tag(&self, name: &str, commit: &CommitId) -> anyhow::Result<()> {
        self.update_ref(&format!("refs/tags/{name}"), commit).await
    }

    /// An annotated tag: an object of its own, with an id that is not the commit's.
    ///
    /// # Errors
    /// As [`GitRepository::tag`].
    pub async fn annotated_tag(&self, name: &str, commit: &CommitId) -> anyhow::Result<()> {
        let mut tag = self.git(FIRST_COMMIT_SECONDS);
        tag.args(["tag", "--annotate", "--message", name, name, commit.as_str()]);
        git::run(tag, b"").await.map(drop)
    }

    /// From now on only these may clone it, and the API hides it from readers. With none it is public again.
    ///
    /// Over git the forge then answers 401 and asks for a login, as most hosts do; Pagure itself hides the
    /// repository (404), and git would never send what it has.
    pub fn make_private(&self, logins: &[GitLogin]) {
        self.store.change(|state| {
            if let Some(record) = state.repositories.get_mut(&self.name) {
                record.logins = logins.to_vec();
            }
        });
    }

    pub(super) async fn update_ref(&self, name: &str, commit: &CommitId) -> anyhow::Result<()> {
        let mut update = self.git(0);
        update.args(["update-ref", name, commit.as_str()]);
        git::run(update, b"").await.map(drop)
    }

    pub(super) async fn log(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut log = self.git(0);
        log.arg("log").args(arguments).arg("--");
        git::run(log, b"").await
    }

    async fn next_seconds(&self) -> anyhow::Result<i64> {
        let mut count = self.git(0);
        count.args(["rev-list", "--count", "--all"]);
        Ok(FIRST_COMMIT_SECONDS + git::run(count, b"").await?.parse::<i64>()?)
    }

    fn git(&self, seconds: i64) -> Command {
        git::command(&self.path(), seconds)
    }
}

fn parse_commit(text: &str) -> anyhow::Result<CommitId> {
    text.parse().map_err(|problem: String| anyhow::anyhow!("git answered no commit: {problem}"))
}

/// `name`, `namespace/name`, or either below `forks/<user>/`. Each part is a directory's name, too.
fn is_repository_name(name: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
            && !part.ends_with(".git")
    };
    let plain = document::plain_name(name);
    name.split('/').all(is_part) && plain.split('/').count() <= 2 && !plain.starts_with("forks")
}
