use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use doorbell_engine::domain::{DeliveryOutcome, ForgeRepository, RefResolution, ReportTarget, StatusReport, Timestamp};
use doorbell_engine::ports::{RefResolver, StatusReporter, Unauthorized};
use doorbell_messages::{CommitId, GitRef, Status};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::{PortCall, SeededRng, SimulatedWorker, lock};

/// A forge that records its writes in commit order. People see the last one of each uid.
#[derive(Debug)]
pub struct FakeForge {
    pub history: Vec<FlagWrite>,
    /// Tokens that it accepts.
    pub tokens: BTreeSet<String>,
    pub head: CommitId,
    /// Delay after which it commits the next report, whose request gets no reply.
    pub next_delay: Option<Duration>,
    pub unauthorized: u32,
    /// Random failures of all kinds.
    pub rng: Option<SeededRng>,
    /// Behavior of hosts, by address. A host without an entry is healthy.
    pub behaviors: BTreeMap<String, ForgeBehavior>,
    /// Requests to each host, also while it is down.
    pub requests: BTreeMap<String, u32>,
}

/// Behavior of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeBehavior {
    /// It refuses connections.
    Down,
    /// It accepts connections and never replies.
    Hanging,
    /// It replies 429.
    Overloaded {
        /// `Retry-After`, in seconds.
        retry_after: u32,
    },
}

/// The client's timeout of one request.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagWrite {
    pub uid: String,
    pub commit: CommitId,
    pub status: Status,
    pub comment: String,
    pub at: Timestamp,
}

impl Default for FakeForge {
    fn default() -> Self {
        Self {
            history: Vec::new(),
            tokens: ["token-1".to_owned()].into(),
            head: "fedcba9876543210fedcba9876543210fedcba98".parse().expect("a commit"),
            next_delay: None,
            unauthorized: 0,
            rng: None,
            behaviors: BTreeMap::new(),
            requests: BTreeMap::new(),
        }
    }
}

impl FakeForge {
    fn random_failure(&mut self) -> Option<DeliveryOutcome> {
        let rng = self.rng.as_mut()?;
        Some(match rng.below(24) {
            0 => DeliveryOutcome::Failed { reason: "it answers 503".to_owned(), retry_after: None },
            1 => DeliveryOutcome::Failed {
                reason: "it answers 429".to_owned(),
                retry_after: Some(rng.below(120) as u32),
            },
            2 => DeliveryOutcome::Conflict("it answers 400: EDBERROR".to_owned()),
            3 => DeliveryOutcome::Unknown("it did not answer in time".to_owned()),
            _ => return None,
        })
    }
}

impl StatusReporter for SimulatedWorker {
    async fn report_status(
        &self,
        target: &ReportTarget,
        report: &StatusReport,
        token: &SecretString,
    ) -> Result<DeliveryOutcome, Unauthorized> {
        let started = Instant::now();
        if let Err(error) = self.process.before(PortCall::ReportStatus).await {
            return Ok(DeliveryOutcome::Failed { reason: error.to_string(), retry_after: None });
        }
        let host = target.to.url.to_string();
        let behavior = {
            let mut forge = lock(&self.services.forge);
            *forge.requests.entry(host.clone()).or_default() += 1;
            forge.behaviors.get(&host).copied()
        };
        let refused =
            |reason: &str, retry_after| Ok(DeliveryOutcome::Failed { reason: reason.to_owned(), retry_after });
        match behavior {
            None => {}
            Some(ForgeBehavior::Down) => return refused("connection refused", None),
            Some(ForgeBehavior::Hanging) => {
                tokio::time::sleep(CLIENT_TIMEOUT).await;
                return Ok(DeliveryOutcome::Unknown("it did not answer in time".to_owned()));
            }
            Some(ForgeBehavior::Overloaded { retry_after }) => return refused("it answers 429", Some(retry_after)),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.process.wait_alive().await;
        if started.elapsed() > CLIENT_TIMEOUT {
            // The call was paused: the client checks its deadline before it continues.
            return Ok(DeliveryOutcome::Unknown("it did not answer in time".to_owned()));
        }
        let failure = lock(&self.services.forge).random_failure();
        match failure {
            None => {}
            Some(DeliveryOutcome::Unknown(_)) => {
                lock(&self.services.forge).next_delay = Some(Duration::from_secs(90));
            }
            Some(failure) => return Ok(failure),
        }
        let flag = FlagWrite {
            uid: target.external_id.clone(),
            commit: target.commit.clone(),
            status: report.status,
            comment: report.comment.clone(),
            at: self.services.now(),
        };
        let late = {
            let mut forge = lock(&self.services.forge);
            if !forge.tokens.contains(token.expose_secret()) {
                forge.unauthorized += 1;
                return Err(Unauthorized("it answers 401: EINVALIDTOK".to_owned()));
            }
            let late = forge.next_delay.take();
            let is_backwards = !flag.status.is_final()
                && forge.history.iter().any(|before| before.uid == flag.uid && before.status.is_final());
            if is_backwards {
                self.services
                    .record_violation(format!("{} was reported after a final status: {}", flag.status, flag.uid));
            }
            if late.is_none() {
                forge.history.push(flag.clone());
            }
            late
        };
        if let Some(late) = late {
            let shared = Arc::clone(&self.services);
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                let at = shared.now();
                lock(&shared.forge).history.push(FlagWrite { at, ..flag });
            });
            return Ok(DeliveryOutcome::Unknown("it did not answer in time".to_owned()));
        }
        match self.process.after(PortCall::ReportStatus).await {
            Ok(()) => Ok(DeliveryOutcome::Delivered),
            Err(error) => Ok(DeliveryOutcome::Unknown(error.to_string())),
        }
    }
}

impl RefResolver for SimulatedWorker {
    async fn resolve_ref(
        &self,
        repository: &ForgeRepository,
        _: &GitRef,
        _: Option<&SecretString>,
    ) -> Result<RefResolution, Unauthorized> {
        if let Err(error) = self.process.before(PortCall::ResolveRef).await {
            return Ok(RefResolution::Unavailable(error.to_string()));
        }
        let host = repository.url.to_string();
        let behavior = {
            let mut forge = lock(&self.services.forge);
            *forge.requests.entry(host.clone()).or_default() += 1;
            forge.behaviors.get(&host).copied()
        };
        let refused = |reason: &str| Ok(RefResolution::Unavailable(reason.to_owned()));
        match behavior {
            None => {}
            Some(ForgeBehavior::Down) => return refused("connection refused"),
            Some(ForgeBehavior::Hanging) => {
                tokio::time::sleep(CLIENT_TIMEOUT).await;
                return refused("it did not answer in time");
            }
            Some(ForgeBehavior::Overloaded { .. }) => return refused("it answers 429"),
        }
        let head = lock(&self.services.forge).head.clone();
        match self.process.after(PortCall::ResolveRef).await {
            Ok(()) => Ok(RefResolution::Commit(head)),
            Err(error) => Ok(RefResolution::Unavailable(error.to_string())),
        }
    }
}
