use std::path::PathBuf;
use std::sync::Arc;

use doorbell_messages::CommitId;
use tokio::process::Command;

use super::fast_import::{NewCommit, commit_stream};
use super::login::GitLogin;
use super::{GitHost, git};

/// A file's mode for [`GitRepository::commit`].
pub const REGULAR_FILE: &str = "100644";
/// A script's mode for [`GitRepository::commit`].
pub const EXECUTABLE_FILE: &str = "100755";

/// A file of a commit: path, mode, content.
pub type CommitFile<'a> = (&'a str, &'a str, &'a str);

/// The default branch of every repository.
pub(crate) const DEFAULT_BRANCH: &str = "main";

/// When the first commit of every repository was made; each next one is a second younger.
const FIRST_COMMIT_SECONDS: i64 = 1_700_000_000;

/// A bare repository of the host, changed as a push would change it.
///
/// Its commit ids depend on its content alone. Change one repository from one task at a time.
#[derive(Debug, Clone)]
pub struct GitRepository {
    host: Arc<GitHost>,
    name: String,
}

impl GitRepository {
    pub(super) fn new(host: Arc<GitHost>, name: &str) -> Self {
        Self { host, name: name.to_owned() }
    }

    /// Creates the repository on disk.
    pub(super) async fn init(host: Arc<GitHost>, name: &str) -> anyhow::Result<Self> {
        let repository = Self::new(host, name);
        let mut init = git::bare_command();
        init.args(["init", "--quiet", "--bare", "--template=", "--initial-branch", DEFAULT_BRANCH])
            .arg(repository.path());
        git::run(init, b"").await?;
        Ok(repository)
    }

    /// The clone URL: `https://127.0.0.1:<port>/<name>.git`.
    pub fn url(&self) -> String {
        format!("{}/{}.git", self.host.url(), self.name)
    }

    /// The full name, namespaces included.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directory on disk.
    pub fn path(&self) -> PathBuf {
        self.host.dir.join(format!("{}.git", self.name))
    }

    /// Adds a commit to a branch: its tip's files with these added or replaced. A new branch begins at the default
    /// branch's tip, if there is one. The forge's post-receive hook runs.
    ///
    /// # Errors
    /// git rejects the branch, a path or a mode.
    pub async fn commit(&self, branch: &str, files: &[CommitFile<'_>], message: &str) -> anyhow::Result<CommitId> {
        let parent = match self.tip(branch).await? {
            Some(tip) => Some(tip),
            None => self.tip(DEFAULT_BRANCH).await?,
        };
        let seconds = self.next_seconds().await?;
        let new = NewCommit { branch, parent: parent.as_ref(), files, message, seconds };
        let commit = parse_commit(&self.import(&[new]).await?)?;
        self.run_post_receive(branch, &commit).await?;
        Ok(commit)
    }

    /// Creates many branches at once, each with one commit whose message is the branch's name. Returns the commits in
    /// the same order.
    ///
    /// # Errors
    /// git rejects a branch, a path or a mode.
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

    /// The commit that a branch points to.
    ///
    /// # Errors
    /// git failed.
    pub async fn tip(&self, branch: &str) -> anyhow::Result<Option<CommitId>> {
        self.branches()
            .await?
            .iter()
            .find(|(name, _)| name == branch)
            .map(|(_, commit)| parse_commit(commit))
            .transpose()
    }

    /// Moves a branch, as a forced push does. The forge's post-receive hook runs.
    ///
    /// # Errors
    /// The commit is not in the repository.
    pub async fn move_branch(&self, branch: &str, commit: &CommitId) -> anyhow::Result<()> {
        self.update_ref(&format!("refs/heads/{branch}"), commit).await?;
        self.run_post_receive(branch, commit).await
    }

    /// Deletes a branch; the post-receive hook does not run.
    ///
    /// # Errors
    /// git rejects the name.
    pub async fn delete_branch(&self, branch: &str) -> anyhow::Result<()> {
        let mut delete = self.git(0);
        delete.args(["update-ref", "-d"]).arg(format!("refs/heads/{branch}"));
        git::run(delete, b"").await.map(drop)
    }

    /// Creates or moves a lightweight tag.
    ///
    /// # Errors
    /// The commit is not in the repository, or git rejects the name.
    pub async fn tag(&self, name: &str, commit: &CommitId) -> anyhow::Result<()> {
        self.update_ref(&format!("refs/tags/{name}"), commit).await
    }

    /// Creates an annotated tag: an object of its own, with an id that is not the commit's.
    ///
    /// # Errors
    /// As [`GitRepository::tag`].
    pub async fn annotated_tag(&self, name: &str, commit: &CommitId) -> anyhow::Result<()> {
        let mut tag = self.git(FIRST_COMMIT_SECONDS);
        tag.args(["tag", "--annotate", "--message", name, name, commit.as_str()]);
        git::run(tag, b"").await.map(drop)
    }

    /// The branches: short name and commit.
    pub(crate) async fn branches(&self) -> anyhow::Result<Vec<(String, String)>> {
        git::refs(&self.path(), "refs/heads").await
    }

    /// The tags: short name and commit, annotated tags peeled.
    pub(crate) async fn tags(&self) -> anyhow::Result<Vec<(String, String)>> {
        git::refs(&self.path(), "refs/tags").await
    }

    /// Restricts cloning to these logins; with none the repository is public again.
    ///
    /// Without a login the host then responds 401 and asks for one, as most hosts do. A host that hides private
    /// repositories (404) never gets a login: git sends one only after a 401.
    pub fn make_private(&self, logins: &[GitLogin]) {
        self.host.set_logins(&self.name, logins);
    }

    pub(crate) async fn update_ref(&self, name: &str, commit: &CommitId) -> anyhow::Result<()> {
        let mut update = self.git(0);
        update.args(["update-ref", name, commit.as_str()]);
        git::run(update, b"").await.map(drop)
    }

    pub(crate) async fn log(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut log = self.git(0);
        log.arg("log").args(arguments).arg("--");
        git::run(log, b"").await
    }

    async fn run_post_receive(&self, branch: &str, commit: &CommitId) -> anyhow::Result<()> {
        for name in self.host.post_receive.branch_moved(&self.name, branch, commit) {
            self.update_ref(&name, commit).await?;
        }
        Ok(())
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
    text.parse().map_err(|problem: String| anyhow::anyhow!("git printed no commit id: {problem}"))
}

/// Whether each part of the name is a directory name that git's paths allow.
pub(super) fn is_valid_name(name: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
            && !part.ends_with(".git")
    };
    name.split('/').all(is_part)
}
