//! Starts the worker or a peer as a process of its own.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use tokio::time::Instant;

use super::arguments::{CandidateName, PeersArguments};
use crate::account::definition::{EVENT_QUEUE, TRIGGER_QUEUE};
use crate::fast_endpoint::FastEndpoint;
use crate::process_stats::ProcessStats;
use crate::programs::Programs;
use crate::sandbox::BUILD_PROJECT;

/// A program that can be started against an endpoint.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) name: CandidateName,
    program: PathBuf,
    arguments: Vec<PathBuf>,
}

/// What a peer's process handles; the worker handles both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerMode {
    Triggers,
    Events,
}

/// A running candidate. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct CandidateProcess {
    child: Child,
    pub(super) spawned: Instant,
}

impl Candidate {
    /// # Errors
    /// Its program is missing.
    pub(super) fn find(name: CandidateName, arguments: &PeersArguments) -> anyhow::Result<Self> {
        let (program, script) = match name {
            CandidateName::Worker => (Programs::find()?.worker(), None),
            CandidateName::SdkLoop => (Programs::find()?.dir().join("sdk-loop"), None),
            CandidateName::SqsConsumer => {
                let dir =
                    arguments.peers_node.as_ref().context("DOORBELL_PEERS_NODE is not set; run bin/bench --peers")?;
                (PathBuf::from("node"), Some(dir.join("consumer.mjs")))
            }
            CandidateName::Boto3 | CandidateName::Aiobotocore => {
                let python = arguments
                    .peers_python
                    .clone()
                    .context("DOORBELL_PEERS_PYTHON is not set; run bin/bench --peers")?;
                let script = if name == CandidateName::Boto3 { "boto3_peer.py" } else { "aiobotocore_peer.py" };
                (python, Some(arguments.peers_dir.join("python").join(script)))
            }
        };
        let is_there = program.is_file() || !program.is_absolute();
        ensure!(is_there, "{} is missing; run bin/bench --peers, which builds it", program.display());
        Ok(Self { name, program, arguments: script.into_iter().collect() })
    }

    /// Starts the program. Its environment holds what it needs to call the endpoint, and nothing else.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(&self, endpoint: &FastEndpoint, mode: PeerMode) -> anyhow::Result<CandidateProcess> {
        let environment = match self.name {
            CandidateName::Worker => endpoint.worker_environment(),
            _ => peer_environment(endpoint, mode),
        };
        let log = std::fs::OpenOptions::new().create(true).append(true).open(endpoint.dir().join("candidate.log"))?;
        let spawned = Instant::now();
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(environment)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        Ok(CandidateProcess { child, spawned })
    }
}

fn peer_environment(endpoint: &FastEndpoint, mode: PeerMode) -> BTreeMap<String, String> {
    let (mode, queue) = match mode {
        PeerMode::Triggers => ("triggers", TRIGGER_QUEUE),
        PeerMode::Events => ("events", EVENT_QUEUE),
    };
    let variables = [
        ("PEER_MODE", mode.to_owned()),
        ("PEER_QUEUE_URL", endpoint.queue_url(queue)),
        ("PEER_BUILD_PROJECT", BUILD_PROJECT.to_owned()),
        ("PEER_FORGE_URL", endpoint.url().to_owned()),
        ("PEER_FORGE_TOKEN", "a-token-of-the-fast-endpoint".to_owned()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
    ];
    let mut environment = endpoint.sdk_environment();
    environment.extend(variables.map(|(name, value)| (name.to_owned(), value)));
    environment
}

impl CandidateProcess {
    /// CPU time and memory, as the kernel counts them.
    ///
    /// # Errors
    /// The process has ended.
    pub(super) fn stats(&mut self) -> anyhow::Result<ProcessStats> {
        if let Some(status) = self.child.try_wait()? {
            anyhow::bail!("the candidate exited with {status}");
        }
        ProcessStats::read(self.child.id())
    }
}

impl Drop for CandidateProcess {
    fn drop(&mut self) {
        // It has no state that a later run sees: each run has an endpoint of its own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
