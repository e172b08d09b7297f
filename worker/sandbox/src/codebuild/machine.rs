//! The machine of one build: its directories, environment, log and processes.
use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use tokio::fs;

use super::buildspec::PhaseCommands;
use super::container::Container;
use super::log::{BuildLog, container_line};
use super::phase::{PhaseContext, PhaseFailure, PhaseStatus};
use super::processes::BuildProcesses;
use super::script::script;

/// Not `Debug`: its environment holds secrets.
pub(super) struct BuildMachine {
    directory: PathBuf,
    container: Container,
    environment: BTreeMap<String, String>,
    pub(super) log: BuildLog,
    pub(super) processes: Arc<BuildProcesses>,
}

impl BuildMachine {
    /// Creates the directories of a build under `work_dir`; only this user can read them.
    pub(super) async fn provision(
        work_dir: &Path,
        container: Container,
        uuid: &str,
        processes: Arc<BuildProcesses>,
    ) -> io::Result<Self> {
        let directory = work_dir.join(uuid);
        for part in ["src", "home", "tmp", "state"] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory.join(part)).await?;
        }
        let source = container.path_inside(&directory.join("src"));
        fs::write(directory.join("state/dir.txt"), source.as_os_str().as_encoded_bytes()).await?;
        let log = BuildLog::open(&log_path(work_dir, uuid)).await?;
        Ok(Self { directory, container, environment: BTreeMap::new(), log, processes })
    }

    /// Sets the variables of every command; later values override earlier ones.
    pub(super) fn set_variables(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        self.environment.extend(variables);
    }

    /// The variables that name the directories.
    pub(super) fn directory_variables(&self) -> [(String, String); 3] {
        let path = |part: &str| self.container.path_inside(&self.directory.join(part)).to_string_lossy().into_owned();
        [
            ("CODEBUILD_SRC_DIR".to_owned(), path("src")),
            ("HOME".to_owned(), path("home")),
            // Not as on AWS, where a build has a disk of its own: here it must leave no files.
            ("TMPDIR".to_owned(), path("tmp")),
        ]
    }

    /// Runs a phase's commands up to the first that fails, and those of `finally` in any case.
    pub(super) async fn run_phase(&self, phase: &PhaseCommands, succeeding: bool) -> Result<(), PhaseFailure> {
        let outcome = self.run_all(&phase.commands, succeeding).await;
        let succeeding = succeeding && outcome.is_ok();
        let at_last = self.run_all(&phase.always, succeeding).await;
        outcome.and(at_last)
    }

    async fn run_all(&self, commands: &[String], succeeding: bool) -> Result<(), PhaseFailure> {
        for command in commands {
            let fault = |error: io::Error| {
                let message = format!("Error while executing command: {command}. Reason: {error}");
                PhaseFailure::new(PhaseStatus::Fault, PhaseContext::new("INTERNAL_SERVICE_ERROR", message))
            };
            let status = self.run_one(command, succeeding).await.map_err(fault)?;
            if !status.success() {
                let message = format!("Error while executing command: {command}. Reason: {}", exit_reason(status));
                return Err(PhaseFailure::new(
                    PhaseStatus::Failed,
                    PhaseContext::new("COMMAND_EXECUTION_ERROR", message),
                ));
            }
        }
        Ok(())
    }

    async fn run_one(&self, command: &str, succeeding: bool) -> io::Result<ExitStatus> {
        let directory = self.directory.join("state");
        let state = self.container.path_inside(&directory);
        let announcement = container_line(&format!("Running command {command}"));
        fs::write(directory.join("script.sh"), script(command, &announcement, &state, succeeding)).await?;
        let mut shell = self.container.shell();
        shell
            .arg(state.join("script.sh"))
            .current_dir(self.directory.join("src"))
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(self.log.output_pipe()?)
            .stderr(self.log.output_pipe()?);
        let mut child = self.processes.start(&mut shell)?;
        // The command holds ends of the log's pipe as long as it exists.
        drop(shell);
        child.wait().await
    }

    /// Removes the machine; its log is complete afterwards. No process of the build may be running.
    pub(super) async fn destroy(self) {
        self.log.close().await;
        // The state's files hold the environment, secrets included.
        if let Err(error) = fs::remove_dir_all(&self.directory).await {
            tracing::warn!(%error, directory = %self.directory.display(), "removing a build's directory failed; remove it by hand");
        }
    }
}

pub(super) fn log_path(work_dir: &Path, uuid: &str) -> PathBuf {
    work_dir.join(format!("{uuid}.log"))
}

/// The exit reason in the form of CodeBuild's agent, which is a Go program.
fn exit_reason(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal: {signal}"),
        (None, None) => status.to_string(),
    }
}
