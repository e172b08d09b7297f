use doorbell_messages::{BuildEnvironment, GitRef};

use crate::ancestry::fetched_object;
use crate::error::RunnerError;
use crate::fetch::fetch_tags;
use crate::git::Git;
use crate::log::log_line;
use crate::retry::run_with_retries;

/// Adds to a checkout what the command may need beside the files of the commit.
///
/// What costs no byte of the network is always added: the tag that is built, and a remote without a credential, by
/// which relative addresses of submodules are resolved and the command can fetch what needs no credential. All else is
/// fetched only where the project asks for it.
///
/// # Errors
/// What the project asks for cannot be fetched.
pub(crate) fn complete(git: &Git<'_>, build: &BuildEnvironment) -> Result<(), RunnerError> {
    add_remote(git)?;
    if let GitRef::Tag(name) = &build.git_ref {
        let tag = format!("refs/tags/{name}");
        git.run(&["update-ref", &tag, fetched_object(git)?.as_str()])?.into_stdout("git update-ref")?;
    }
    let options = build.checkout;
    if options.tags {
        fetch_tags(git, &build.git_ref)?;
        log_line("fetched the tags");
    }
    if options.submodules {
        update_submodules(git)?;
        log_line("checked out the submodules");
    }
    if options.lfs {
        fetch_lfs_files(git, options.submodules)?;
        log_line("fetched the LFS files");
    }
    Ok(())
}

/// The address has no user name and no password: [`doorbell_messages::GitUrl`] holds none.
fn add_remote(git: &Git<'_>) -> Result<(), RunnerError> {
    git.run(&["remote", "add", "origin", git.url.as_str()])?.into_stdout("git remote").map(drop)
}

/// The credential is sent to submodules of the repository's own scheme, host and port only. `--checkout` overrides an
/// `update` in `.gitmodules`.
fn update_submodules(git: &Git<'_>) -> Result<(), RunnerError> {
    let update = ["submodule", "--quiet", "update", "--init", "--recursive", "--checkout"];
    run_with_retries(git, &update)?.into_stdout("fetching the submodules").map(drop)
}

/// Git LFS tries a server that fails for a moment again by itself.
fn fetch_lfs_files(git: &Git<'_>, in_submodules: bool) -> Result<(), RunnerError> {
    if !git.run(&["lfs", "version"])?.status.success() {
        return Err(RunnerError::checkout(
            "the project asks for LFS files (checkout.lfs), and the build image has no git-lfs: install it there",
        ));
    }
    // Without its filters in the repository's configuration Git LFS checks nothing out. It installs no hooks.
    let install = ["lfs", "install", "--local", "--skip-repo"];
    git.run(&install)?.into_stdout("git lfs install")?;
    git.run_authorized(&["lfs", "pull"])?.into_stdout("fetching the LFS files")?;
    if in_submodules {
        let each = format!("git {} && git lfs pull", install.join(" "));
        let foreach = ["submodule", "--quiet", "foreach", "--recursive", &each];
        git.run_authorized(&foreach)?.into_stdout("fetching the LFS files of the submodules")?;
    }
    Ok(())
}
