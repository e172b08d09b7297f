//! The machine of one build: its folders, environment, log and processes.
use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use tokio::fs;

use super::buildspec::Commands;
use super::container::Container;
use super::log::{Log, container_line};
use super::phase::{Context, Failure, PhaseStatus};
use super::processes::Processes;
use super::script::script;

/// Not `Debug`: its environment holds secrets.
pub(super) struct Machine {
    folder: PathBuf,
    container: Container,
    environment: BTreeMap<String, String>,
    pub(super) log: Log,
    pub(super) processes: Arc<Processes>,
}

impl Machine {
    /// Makes the folders of a build under `work_dir`; only this user may look into them.
    pub(super) async fn provision(
        work_dir: &Path,
        container: Container,
        uuid: &str,
        processes: Arc<Processes>,
    ) -> io::Result<Self> {
        let folder = work_dir.join(uuid);
        for part in ["src", "home", "tmp", "state"] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder.join(part)).await?;
        }
        let source = container.inside(&folder.join("src"));
        fs::write(folder.join("state/dir.txt"), source.as_os_str().as_encoded_bytes()).await?;
        let log = Log::open(&log_path(work_dir, uuid)).await?;
        Ok(Self { folder, container, environment: BTreeMap::new(), log, processes })
    }

    /// Sets the variables of every command; later ones win over those set before.
    pub(super) fn set(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        self.environment.extend(variables);
    }

    /// The variables that follow from the folders.
    pub(super) fn own_variables(&self) -> [(String, String); 3] {
        let path = |part: &str| self.container.inside(&self.folder.join(part)).to_string_lossy().into_owned();
        [
            ("CODEBUILD_SRC_DIR".to_owned(), path("src")),
            ("HOME".to_owned(), path("home")),
            // Not as on AWS, where a build has a whole disk: here it leaves nothing behind.
            ("TMPDIR".to_owned(), path("tmp")),
        ]
    }

    /// Runs a phase's commands up to the first that fails, and those of `finally` in any case.
    pub(super) async fn run(&self, phase: &Commands, succeeding: bool) -> Result<(), Failure> {
        let outcome = self.run_all(&phase.commands, succeeding).await;
        let succeeding = succeeding && outcome.is_ok();
        let at_last = self.run_all(&phase.always, succeeding).await;
        outcome.and(at_last)
    }

    async fn run_all(&self, commands: &[String], succeeding: bool) -> Result<(), Failure> {
        for command in commands {
            let fault = |error: io::Error| {
                let message = format!("Error while executing command: {command}. Reason: {error}");
                Failure::new(PhaseStatus::Fault, Context::new("INTERNAL_SERVICE_ERROR", message))
            };
            let status = self.run_one(command, succeeding).await.map_err(fault)?;
            if !status.success() {
                let message = format!("Error while executing command: {command}. Reason: {}", reason(status));
                return Err(Failure::new(PhaseStatus::Failed, Context::new("COMMAND_EXECUTION_ERROR", message)));
            }
        }
        Ok(())
    }

    async fn run_one(&self, command: &str, succeeding: bool) -> io::Result<ExitStatus> {
        let folder = self.folder.join("state");
        let state = self.container.inside(&folder);
        let announcement = container_line(&format!("Running command {command}"));
        fs::write(folder.join("script.sh"), script(command, &announcement, &state, succeeding)).await?;
        let mut shell = self.container.shell();
        shell
            .arg(state.join("script.sh"))
            .current_dir(self.folder.join("src"))
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(self.log.output()?)
            .stderr(self.log.output()?);
        let mut child = self.processes.start(&mut shell)?;
        // The command holds ends of the log's pipe as long as it lives.
        drop(shell);
        child.wait().await
    }

    /// Takes the machine down; its log is complete afterwards. No process of the build may be left.
    pub(super) async fn dismantle(self) {
        self.log.close().await;
        // The state's files hold the environment, secrets included.
        if let Err(error) = fs::remove_dir_all(&self.folder).await {
            tracing::warn!(%error, folder = %self.folder.display(), "a build's folder is left behind");
        }
    }
}

pub(super) fn log_path(work_dir: &Path, uuid: &str) -> PathBuf {
    work_dir.join(format!("{uuid}.log"))
}

/// In the words of CodeBuild's agent, which is a Go program.
fn reason(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal: {signal}"),
        (None, None) => status.to_string(),
    }
}
