use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use doorbell_messages::{BuildEnvironment, CommitId};

use crate::ancestry;
use crate::authorization::Authorization;
use crate::commit_order;
use crate::complement;
use crate::error::RunnerError;
use crate::git::Git;
use crate::git_environment;
use crate::log::{format_seconds, log_line};
use crate::machine::Machine;
use crate::settings::RunnerSettings;
use crate::supervisor::Supervisor;

/// In the current folder, which need not be empty.
const CHECKOUT_DIRECTORY: &str = "checkout";

/// The checkout's folder, absolute and without symbolic links.
///
/// # Errors
/// It is not there.
pub(crate) fn directory() -> Result<PathBuf, RunnerError> {
    fs::canonicalize(CHECKOUT_DIRECTORY)
        .map_err(|error| RunnerError::checkout(format!("the folder {CHECKOUT_DIRECTORY}: {error}")))
}

/// Brings the commit to build into a new folder, and says which it is.
///
/// # Errors
/// The first step that failed. The folder is gone then; it stays only after a kill, in a container that ends, too.
pub(crate) fn check_out(
    build: &BuildEnvironment,
    authorization: Option<&Authorization>,
    settings: &RunnerSettings,
    supervisor: &Supervisor,
) -> Result<CommitId, RunnerError> {
    if !settings.allows(build.git_url.protocol()) {
        return Err(RunnerError::environment(format!(
            "{}: the protocol {} is not allowed here (DOORBELL_GIT_PROTOCOLS is {})",
            build.git_url,
            build.git_url.protocol(),
            settings.git_protocols
        )));
    }
    if authorization.is_some() && git_environment::origin(&build.git_url).is_none() {
        log_line(&format!("the credential is not used: {} has no use for one", build.git_url.protocol()));
    }
    create_directory()?;
    let deadline = Instant::now() + Duration::from_secs(build.timeout_seconds.into());
    let git = Git {
        directory: CHECKOUT_DIRECTORY.into(),
        url: &build.git_url,
        authorization,
        settings,
        supervisor,
        deadline,
        machine: Machine::observe(),
    };
    let result = fetch_and_check_out(&git, build);
    if result.is_err()
        && let Err(error) = fs::remove_dir_all(CHECKOUT_DIRECTORY)
    {
        log_line(&format!("what was fetched can't be removed from the folder {CHECKOUT_DIRECTORY}: {error}"));
    }
    result
}

/// Only ever a new one: what lies in an old one (a hook, a config, a link elsewhere) is not known.
fn create_directory() -> Result<(), RunnerError> {
    let here = std::env::current_dir().unwrap_or_default();
    fs::create_dir(CHECKOUT_DIRECTORY).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            RunnerError::checkout(format!("{} exists already", display_path(&here.join(CHECKOUT_DIRECTORY))))
        }
        _ => RunnerError::infrastructure(format!(
            "{} can't be made: {error}",
            display_path(&here.join(CHECKOUT_DIRECTORY))
        )),
    })
}

fn fetch_and_check_out(git: &Git<'_>, build: &BuildEnvironment) -> Result<CommitId, RunnerError> {
    git.check_version()?;
    git.run(&["init", "--quiet", "--template=", object_format(build.commit.as_ref())])?.into_stdout("git init")?;
    log_line(&format!("fetching {} of {}", build.git_ref, build.git_url));
    let start = Instant::now();
    let commit = ancestry::find_commit(git, build)?;
    log_tag_object(build, &commit);
    log_line(&format!("fetched in {}; building commit {commit}", format_seconds(start.elapsed())));
    commit_order::refuse_older_commit(git, build, &commit)?;
    let start = Instant::now();
    git.run(&["checkout", "--quiet", "--detach", commit.as_str(), "--"])?.into_stdout("git checkout")?;
    let head = ancestry::resolve_commit(git, "HEAD")?;
    if head.as_ref() != Some(&commit) {
        return Err(RunnerError::checkout(format!("git checked out something else than commit {commit}")));
    }
    log_line(&format!("checked out in {}", format_seconds(start.elapsed())));
    complement::complete(git, build)?;
    Ok(commit)
}

/// What is built has another id than what was asked for: people who compare the two should find out why.
fn log_tag_object(build: &BuildEnvironment, commit: &CommitId) {
    if let Some(requested) = build.commit.as_ref().filter(|requested| *requested != commit) {
        log_line(&format!(
            "{requested} is the object of {}, not a commit: building the commit it points to",
            build.git_ref
        ));
    }
}

/// git does not learn the format of a repository it fetches from into an existing one; the commit's length tells it.
fn object_format(commit: Option<&CommitId>) -> &'static str {
    match commit.map(|commit| commit.as_str().len()) {
        Some(64) => "--object-format=sha256",
        _ => "--object-format=sha1",
    }
}

fn display_path(path: &Path) -> String {
    path.display().to_string()
}
