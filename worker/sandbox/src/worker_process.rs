//! A worker as the operating system sees it.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// A running worker. It is killed when this is dropped.
#[derive(Debug)]
pub struct WorkerProcess {
    child: Child,
    log: PathBuf,
}

/// How often a log is looked at for a line.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What a worker says when it begins to work.
const UP_MESSAGE: &str = "the worker is up";

/// How long a worker may take to be up: it makes three calls.
const START_TIMEOUT: Duration = Duration::from_secs(20);

impl WorkerProcess {
    /// Starts one, and waits until it is up. Its whole environment is the one given; what it prints goes to `get_log`.
    ///
    /// # Errors
    /// It could not start; the error holds what it printed.
    pub async fn start(program: &Path, environment: &BTreeMap<String, String>, log: PathBuf) -> anyhow::Result<Self> {
        let mut worker = Self::launch(program, environment, log)?;
        worker.wait_for_log(UP_MESSAGE, START_TIMEOUT).await?;
        Ok(worker)
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

    /// Whether it says that it is up: from then on it takes a SIGTERM as a request to end well.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn is_up(&self) -> anyhow::Result<bool> {
        Ok(self.log()?.contains(UP_MESSAGE))
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn exit_status(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().context("a worker's end can't be asked for")
    }

    /// What it has printed so far.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn log(&self) -> anyhow::Result<String> {
        let bytes = std::fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits for a text in the log.
    ///
    /// # Errors
    /// It did not come in time, or the worker ended first; the error holds the log.
    pub async fn wait_for_log(&mut self, text: &str, limit: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let log = self.log()?;
            if log.contains(text) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the worker ended with {status}; it printed:\n{log}");
            }
            if Instant::now() > deadline {
                bail!("the worker did not print \"{text}\" within {limit:?}; it printed:\n{log}");
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Where it prints to; still there when it has ended.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Its process id; none once it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// KILL: it ends where it stands.
    ///
    /// # Errors
    /// It can't be killed.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the worker can't be killed")
    }

    /// TERM, as ECS stops a task; answers how it ended and how long that took.
    ///
    /// # Errors
    /// It is still there after `limit`.
    pub async fn terminate(mut self, limit: Duration) -> anyhow::Result<(ExitStatus, Duration)> {
        self.signal(Signal::TERM)?;
        let started = Instant::now();
        let status = tokio::time::timeout(limit, self.child.wait()).await;
        let status = status.with_context(|| format!("the worker is still there {limit:?} after SIGTERM"))??;
        Ok((status, started.elapsed()))
    }

    /// Sends any signal.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(self.process()?, signal).context("the worker can't be signalled")
    }

    /// How many files and sockets it has open.
    ///
    /// # Errors
    /// It has ended.
    pub fn open_files(&self) -> anyhow::Result<u64> {
        let directory = format!("/proc/{}/fd", self.process()?.as_raw_nonzero());
        Ok(std::fs::read_dir(directory).context("the worker's files can't be counted")?.count() as u64)
    }

    /// How many it may have open from now on; those that it has stay open.
    ///
    /// # Errors
    /// It has ended, or may not have so many.
    pub fn limit_files(&self, max: u64) -> anyhow::Result<()> {
        // The hard limit is this process's own, which it has inherited: another one would be for good.
        let limit = Rlimit { current: Some(max), ..getrlimit(Resource::Nofile) };
        prlimit(Some(self.process()?), Resource::Nofile, limit).context("the worker's files can't be limited")?;
        Ok(())
    }

    fn process(&self) -> anyhow::Result<Pid> {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        pid.context("the worker has ended")
    }
}
