use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use doorbell_messages::{BuildEnvironment, CommitId};

use crate::ancestry;
use crate::authorization::Authorization;
use crate::failure::Failure;
use crate::git::Git;
use crate::git_environment;
use crate::log::{say, seconds};
use crate::settings::Settings;
use crate::supervisor::Supervisor;

/// In the current folder, which need not be empty.
const FOLDER: &str = "checkout";

/// The checkout's folder, absolute and without symbolic links.
///
/// # Errors
/// It is not there.
pub(crate) fn folder() -> Result<PathBuf, Failure> {
    fs::canonicalize(FOLDER).map_err(|error| Failure::checkout(format!("the folder {FOLDER}: {error}")))
}

/// Brings the commit to build into a new folder, and says which it is.
///
/// # Errors
/// Whatever stood in the way. The folder is gone then; it stays only after a kill, in a container that ends, too.
pub(crate) fn check_out(
    build: &BuildEnvironment,
    authorization: Option<&Authorization>,
    settings: &Settings,
    supervisor: &Supervisor,
) -> Result<CommitId, Failure> {
    if !settings.allows(build.git_url.protocol()) {
        return Err(Failure::environment(format!(
            "{}: the protocol {} is not allowed here (DOORBELL_GIT_PROTOCOLS is {})",
            build.git_url,
            build.git_url.protocol(),
            settings.git_protocols
        )));
    }
    if authorization.is_some() && git_environment::origin(&build.git_url).is_none() {
        say(&format!("the credential is not used: {} has no use for one", build.git_url.protocol()));
    }
    create_folder()?;
    let deadline = Instant::now() + Duration::from_secs(build.timeout_seconds.into());
    let git = Git { folder: FOLDER.into(), url: &build.git_url, authorization, settings, supervisor, deadline };
    let result = fill(&git, build);
    if result.is_err()
        && let Err(error) = fs::remove_dir_all(FOLDER)
    {
        say(&format!("what was fetched can't be removed from the folder {FOLDER}: {error}"));
    }
    result
}

/// Only ever a new one: what lies in an old one (a hook, a config, a link elsewhere) is not known.
fn create_folder() -> Result<(), Failure> {
    let here = std::env::current_dir().unwrap_or_default();
    fs::create_dir(FOLDER).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::checkout(format!("{} exists already", shown(&here.join(FOLDER)))),
        _ => Failure::machine(format!("{} can't be made: {error}", shown(&here.join(FOLDER)))),
    })
}

fn fill(git: &Git<'_>, build: &BuildEnvironment) -> Result<CommitId, Failure> {
    git.check_version()?;
    git.run(&["init", "--quiet", "--template=", object_format(build.commit.as_ref())])?.succeeded("git init")?;
    say(&format!("fetching {} of {}", build.git_ref, build.git_url));
    let start = Instant::now();
    let commit = ancestry::find(git, &build.git_ref, build.commit.as_ref(), build.commit_rule)?;
    say(&format!("fetched in {}; building commit {commit}", seconds(start.elapsed())));
    let start = Instant::now();
    git.run(&["checkout", "--quiet", "--detach", commit.as_str(), "--"])?.succeeded("git checkout")?;
    let head = ancestry::commit(git, "HEAD")?;
    if head.as_ref() != Some(&commit) {
        return Err(Failure::checkout(format!("git checked out something else than commit {commit}")));
    }
    say(&format!("checked out in {}", seconds(start.elapsed())));
    Ok(commit)
}

/// git does not learn the format of a repository it fetches from into an existing one; the commit's length tells it.
fn object_format(commit: Option<&CommitId>) -> &'static str {
    match commit.map(|commit| commit.as_str().len()) {
        Some(64) => "--object-format=sha256",
        _ => "--object-format=sha1",
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
