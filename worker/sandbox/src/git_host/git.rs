//! The git CLI, isolated from the settings of the user who runs the sandbox.
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// git on a repository, with a fixed committer and date (seconds since 1970).
///
/// The environment depends on nothing but PATH, so the same history has the same ids everywhere.
pub(super) fn command(repository: &Path, seconds: i64) -> Command {
    let mut command = bare_command();
    let date = format!("@{seconds} +0000");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), COMMITTER_NAME);
        command.env(format!("GIT_{role}_EMAIL"), COMMITTER_EMAIL);
        command.env(format!("GIT_{role}_DATE"), &date);
    }
    command.arg("--git-dir").arg(repository);
    command
}

pub(super) const COMMITTER_NAME: &str = "Sandbox";
pub(super) const COMMITTER_EMAIL: &str = "sandbox@example.org";

/// git without a repository.
pub(super) fn bare_command() -> Command {
    let mut command = Command::new("git");
    command.env_clear().env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").kill_on_drop(true);
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

/// Runs git to its end with `input` and returns the trimmed output.
///
/// # Errors
/// git cannot be started or fails; the error holds what it wrote to stderr.
pub(super) async fn run(mut command: Command, input: &[u8]) -> anyhow::Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start git: is it installed and on PATH?")?;
    if let Some(mut stdin) = child.stdin.take() {
        // git may exit before it has read everything; its stderr says why, not the broken pipe.
        let _ = stdin.write_all(input).await;
    }
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{:?} failed with {}: {}", command.as_std(), output.status, stderr.trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// The refs below `prefix`: short name and commit, annotated tags peeled.
pub(super) async fn refs(repository: &Path, prefix: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut command = command(repository, 0);
    command.args(["for-each-ref", "--format=%(refname:lstrip=2) %(objectname) %(*objectname)", prefix]);
    let listed = run(command, b"").await?;
    let parts = |line: &str| {
        let mut words = line.split(' ');
        let (name, object) = (words.next()?, words.next()?);
        let commit = words.next().filter(|peeled| !peeled.is_empty()).unwrap_or(object);
        Some((name.to_owned(), commit.to_owned()))
    };
    Ok(listed.lines().filter_map(parts).collect())
}
