//! The processes of one build.
//!
//! A real build's processes end with its container. Here they are found by what they inherit: the build's id in their
//! environment, their parents, their process group.
use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// The interval between checks whether all processes have ended.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How often living processes may reappear after a KILL before the build's shutdown stops trying.
const MAX_KILL_PASSES: usize = 50;

/// A build's processes; kills them all when dropped.
#[derive(Debug)]
pub(super) struct BuildProcesses {
    /// `CODEBUILD_BUILD_ID=<id>`, as it is in the environment of each process.
    marker: Vec<u8>,
    state: Mutex<ProcessTable>,
}

#[derive(Debug, Default)]
struct ProcessTable {
    /// No process may be started any more.
    closed: bool,
    /// The first process of each group that was started.
    groups: BTreeSet<i32>,
    /// Processes that existed before the first one: not the build's. Reading a process costs 0.2 ms.
    preexisting: BTreeSet<i32>,
}

impl BuildProcesses {
    pub(super) fn of_build(id: &str) -> Self {
        Self { marker: format!("CODEBUILD_BUILD_ID={id}").into_bytes(), state: Mutex::default() }
    }

    /// Starts a command in a process group of its own.
    pub(super) fn start(&self, command: &mut Command) -> io::Result<Child> {
        // Held while the process is created, so that `kill` cannot miss it.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(io::Error::other("the build machine has been shut down"));
        }
        if state.groups.is_empty() {
            state.preexisting = process_ids().collect();
        }
        let child = command.process_group(0).spawn()?;
        state.groups.extend(child.id().and_then(|id| i32::try_from(id).ok()));
        Ok(child)
    }

    /// TERM to all, KILL to the remaining ones after `grace`.
    pub(super) async fn terminate(&self, grace: Duration) {
        self.signal(Signal::TERM);
        let end = Instant::now() + grace;
        while Instant::now() < end && !self.living_processes().is_empty() {
            sleep(POLL_INTERVAL).await;
        }
        self.kill();
    }

    /// KILL to all; no new process is started.
    pub(super) fn kill(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        for _ in 0..MAX_KILL_PASSES {
            if self.signal(Signal::KILL) == 0 {
                return;
            }
            // A killed process becomes a zombie, which is no longer alive, within microseconds.
            std::thread::yield_now();
        }
        let left = self.living_processes();
        if !left.is_empty() {
            tracing::error!(?left, "killing a build's processes failed; kill them by hand");
        }
    }

    fn signal(&self, signal: Signal) -> usize {
        let alive = self.living_processes();
        for process in alive.iter().filter_map(|id| Pid::from_raw(*id)) {
            // It may have ended meanwhile, as intended.
            let _ = kill_process(process, signal);
        }
        alive.len()
    }

    fn living_processes(&self) -> BTreeSet<i32> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.groups.is_empty() {
            return BTreeSet::new();
        }
        let all: Vec<_> =
            process_ids().filter(|id| !state.preexisting.contains(id)).filter_map(ProcessInfo::read).collect();
        let mut owned = BTreeSet::new();
        loop {
            let known = owned.len();
            let is_owned = |process: &&ProcessInfo| {
                state.groups.contains(&process.group)
                    || owned.contains(&process.parent)
                    || process.has_marker(&self.marker)
            };
            let found: Vec<i32> = all.iter().filter(is_owned).map(|process| process.id).collect();
            owned.extend(found);
            if owned.len() == known {
                return owned;
            }
        }
    }
}

impl Drop for BuildProcesses {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process that has not ended, as `/proc` shows it.
struct ProcessInfo {
    id: i32,
    parent: i32,
    group: i32,
    environment: Vec<u8>,
}

/// All process ids of this machine.
fn process_ids() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

impl ProcessInfo {
    fn read(id: i32) -> Option<Self> {
        let stat = std::fs::read(format!("/proc/{id}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        // The name before the last parenthesis may hold any character.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        // The environment of other users' processes is unreadable; they are not the build's.
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        (!matches!(state, "Z" | "X")).then_some(Self { id, parent, group, environment })
    }

    fn has_marker(&self, marker: &[u8]) -> bool {
        self.environment.split(|byte| *byte == 0).any(|variable| variable == marker)
    }
}
