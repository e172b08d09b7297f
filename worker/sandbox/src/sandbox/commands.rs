//! The product's commands, run in the sandbox as their users would run them.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::process::Command;

use super::Sandbox;

/// The output of `trigger_job` or another program.
#[derive(Debug, Clone)]
pub struct CommandOutput {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl CommandOutput {
    /// The job's key, as `trigger_job` printed it.
    ///
    /// # Errors
    /// The request was not published; the error holds the program's stderr.
    pub fn job_key(&self) -> anyhow::Result<String> {
        if self.code != Some(0) {
            bail!("trigger_job exited with {:?}: {}", self.code, self.stderr);
        }
        Ok(self.stdout.trim().to_owned())
    }
}

impl Sandbox {
    /// Runs `trigger_job` as a CI would: with the publisher's key only.
    ///
    /// # Errors
    /// It could not be started.
    pub async fn trigger(&self, arguments: &[&str]) -> anyhow::Result<CommandOutput> {
        self.trigger_in(&[], arguments).await
    }

    /// Runs `trigger_job` in a CI's build that sets these variables; they override the publisher's.
    ///
    /// # Errors
    /// It could not be started.
    pub async fn trigger_in(&self, build: &[(&str, &str)], arguments: &[&str]) -> anyhow::Result<CommandOutput> {
        self.run_program(self.programs.trigger_job(), arguments, self.account.publisher_environment(), build).await
    }

    /// The environment of the account's owner.
    pub fn owner_environment(&self) -> BTreeMap<String, String> {
        let mut environment = self.worker_environment();
        environment.extend(self.account.owner_environment());
        environment.insert("AWS_ENDPOINT_URL_SERVICE_QUOTAS".to_owned(), self.codebuild.url().to_owned());
        environment
    }

    /// Runs `doorbell` as the account's owner would; `more` overrides [`Sandbox::owner_environment`].
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
