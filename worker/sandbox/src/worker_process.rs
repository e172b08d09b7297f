//! A worker's process.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// A running worker. Dropping it kills the process.
#[derive(Debug)]
pub struct WorkerProcess {
    child: Child,
    log: PathBuf,
}

/// The interval between reads of the log while waiting for a line.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The worker's log line when it starts to work.
const UP_MESSAGE: &str = "the worker is up";

/// How long a worker may take to be up: it makes three calls.
const START_TIMEOUT: Duration = Duration::from_secs(20);

impl WorkerProcess {
    /// Starts a worker and waits until it is up.
    ///
    /// Its environment is exactly the given one; its output goes to `log`.
    ///
    /// # Errors
    /// It could not start; the error holds its output.
    pub async fn start(program: &Path, environment: &BTreeMap<String, String>, log: PathBuf) -> anyhow::Result<Self> {
        let mut worker = Self::launch(program, environment, log)?;
        worker.wait_until_up().await?;
        Ok(worker)
    }

    /// Waits until it is up.
    ///
    /// # Errors
    /// It could not start; the error holds its output.
    pub async fn wait_until_up(&mut self) -> anyhow::Result<()> {
        self.wait_for_log(UP_MESSAGE, START_TIMEOUT).await
    }

    /// As [`WorkerProcess::start`], without waiting: it may be killed before it is up.
    ///
    /// # Errors
    /// It could not start.
    pub fn launch(program: &Path, environment: &BTreeMap<String, String>, log: PathBuf) -> anyhow::Result<Self> {
        let output = std::fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = Command::new(program)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child, log })
    }

    /// Whether it is up: from then on it shuts down gracefully on SIGTERM.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn is_up(&self) -> anyhow::Result<bool> {
        Ok(self.log()?.contains(UP_MESSAGE))
    }

    /// Its exit status, if it has exited.
    ///
    /// # Errors
    /// The operating system does not return it.
    pub fn exit_status(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot read a worker's exit status")
    }

    /// Its output so far.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn log(&self) -> anyhow::Result<String> {
        let bytes = std::fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits until the log contains a string.
    ///
    /// # Errors
    /// It did not appear within `limit`, or the worker exited first; the error holds the log.
    pub async fn wait_for_log(&mut self, text: &str, limit: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let log = self.log()?;
            if log.contains(text) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the worker exited with {status}; it printed:\n{log}");
            }
            if Instant::now() > deadline {
                bail!("the worker did not print \"{text}\" within {limit:?}; it printed:\n{log}");
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// The path of its log, which remains when it has exited.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Its process id; `None` once it has exited.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends KILL and waits for its end.
    ///
    /// # Errors
    /// It cannot be killed.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("cannot kill the worker")
    }

    /// Sends TERM, as ECS stops a task; returns its exit status and how long the shutdown took.
    ///
    /// # Errors
    /// It still runs after `limit`.
    pub async fn terminate(mut self, limit: Duration) -> anyhow::Result<(ExitStatus, Duration)> {
        self.signal(Signal::TERM)?;
        let started = Instant::now();
        let status = tokio::time::timeout(limit, self.child.wait()).await;
        let status = status.with_context(|| format!("the worker still runs {limit:?} after SIGTERM"))??;
        Ok((status, started.elapsed()))
    }

    /// Sends any signal.
    ///
    /// # Errors
    /// It has exited.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(self.process()?, signal).context("cannot signal the worker")
    }

    /// The number of its open files and sockets.
    ///
    /// # Errors
    /// It has exited.
    pub fn open_files(&self) -> anyhow::Result<u64> {
        let directory = format!("/proc/{}/fd", self.process()?.as_raw_nonzero());
        Ok(std::fs::read_dir(directory).context("cannot count the worker's open files")?.count() as u64)
    }

    /// Limits its open files and sockets; those that are open stay open.
    ///
    /// # Errors
    /// It has exited, or the limit exceeds its hard limit.
    pub fn limit_files(&self, max: u64) -> anyhow::Result<()> {
        // The hard limit stays this process's own, which it inherited: a lower one could not be raised again.
        let limit = Rlimit { current: Some(max), ..getrlimit(Resource::Nofile) };
        prlimit(Some(self.process()?), Resource::Nofile, limit).context("cannot limit the worker's open files")?;
        Ok(())
    }

    fn process(&self) -> anyhow::Result<Pid> {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        pid.context("the worker has exited")
    }
}
