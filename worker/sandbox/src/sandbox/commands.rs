//! The product's commands, run in the sandbox by those who would run them.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::process::Command;

use super::Sandbox;

/// What `trigger_job`, or another program, said.
#[derive(Debug, Clone)]
pub struct CommandOutput {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl CommandOutput {
    /// The job's key.
    ///
    /// # Errors
    /// It was not published; the error holds what the program said.
    pub fn job_key(&self) -> anyhow::Result<String> {
        if self.code != Some(0) {
            bail!("trigger_job exited with {:?}: {}", self.code, self.stderr);
        }
        Ok(self.stdout.trim().to_owned())
    }
}

impl Sandbox {
    /// Runs `trigger_job` as a CI would: with the publisher's key and nothing else.
    ///
    /// # Errors
    /// It could not be started.
    pub async fn trigger(&self, arguments: &[&str]) -> anyhow::Result<CommandOutput> {
        self.trigger_in(&[], arguments).await
    }

    /// The same in a build of a CI that sets these variables; they are laid over the publisher's.
    ///
    /// # Errors
    /// It could not be started.
    pub async fn trigger_in(&self, build: &[(&str, &str)], arguments: &[&str]) -> anyhow::Result<CommandOutput> {
        self.run_program(self.programs.trigger_job(), arguments, self.account.publisher_environment(), build).await
    }

    /// All that the account's owner has set.
    pub fn owner_environment(&self) -> BTreeMap<String, String> {
        let mut environment = self.worker_environment();
        environment.extend(self.account.owner_environment());
        environment
    }

    /// Runs `doorbell` as the account's owner would; `more` is laid over [`Sandbox::owner_environment`].
    ///
    /// # Errors
    /// It could not be started.
    pub async fn doorbell(&self, arguments: &[&str], more: &[(&str, &str)]) -> anyhow::Result<CommandOutput> {
        self.run_program(self.programs.doorbell(), arguments, self.owner_environment(), more).await
    }

    async fn run_program(
        &self,
        program: PathBuf,
        arguments: &[&str],
        environment: BTreeMap<String, String>,
        more: &[(&str, &str)],
    ) -> anyhow::Result<CommandOutput> {
        let output = Command::new(&program)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .envs(more.iter().copied())
            .current_dir(self.account.dir())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("cannot start {}", program.display()))?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(CommandOutput { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) })
    }
}
