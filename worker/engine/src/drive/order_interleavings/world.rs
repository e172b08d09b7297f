//! What the workers of a search share: a ledger, a provider, and the digest of a state.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};

use doorbell_messages::{BuildId, CommitId, JobKey};
use tokio::time::Instant;

use crate::admission::Permits;
use crate::domain::{
    BuildOutcome, BuildState, CountOutcome, Effect, HourlyCount, Observation, OrderItem, OrderScope, Phase,
    ProviderBuild, Row, StartOutcome, Timestamp,
};
use crate::effects::EffectExecutor;
use crate::ports::{
    BuildSlots, Cursor, DuePage, InsertOutcome, JobCounter, JobLedger, LoadError, OrderLedger, PortError, UpdateOutcome,
};
use crate::stubs::{LedgerStub, described_build, interrupt};

/// The builds, and what is needed to know a state again.
#[derive(Debug, Default)]
pub(super) struct World {
    /// By start token.
    builds: BTreeMap<String, ProviderBuild>,
    /// The commits whose commands ran, in order.
    pub(super) commands: Vec<CommitId>,
    /// The content of each row, item and build.
    pub(super) versions: BTreeMap<String, u64>,
    /// The replies that each worker had for its present task, and the tasks after it.
    pub(super) replies: Vec<u64>,
    /// Whether a worker's last call changed something: a crash after any other call is one before it.
    pub(super) wrote_last: Vec<bool>,
}

impl World {
    /// Adds a worker.
    pub(super) fn add_worker(&mut self) -> usize {
        self.replies.push(0);
        self.wrote_last.push(false);
        self.replies.len() - 1
    }

    fn note_read(&mut self, worker: usize, keys: &[String]) {
        let versions: Vec<u64> = keys.iter().map(|key| self.versions.get(key).copied().unwrap_or_default()).collect();
        self.replies[worker] = digest(&(self.replies[worker], versions));
        self.wrote_last[worker] = false;
    }

    /// Notes a write of this content, or one that changed nothing.
    fn note_write(&mut self, worker: usize, key: &str, written: Option<&impl std::fmt::Debug>) {
        self.replies[worker] = digest(&(self.replies[worker], key, written.is_some()));
        if let Some(content) = written {
            self.versions.insert(key.to_owned(), digest(&format!("{content:?}")));
        }
        self.wrote_last[worker] = written.is_some();
    }

    /// Forgets the replies of a worker that begins a task: what it does next depends on what it has to do only.
    pub(super) fn note_tasks(&mut self, worker: usize, tasks: &impl std::fmt::Debug) {
        self.replies[worker] = digest(&format!("{tasks:?}"));
    }

    /// Starts the build of a token once. Its runner compares commits as it starts.
    fn start(&mut self, row: &Row, token: &str) -> ProviderBuild {
        if let Some(build) = self.builds.get(token) {
            return build.clone();
        }
        let is_running = |build: &&ProviderBuild| build.state == BuildState::Running;
        assert_eq!(self.builds.values().find(is_running), None, "two builds at once");
        let commit = row.request.commit.clone().unwrap();
        let listed = row.launch().map(|launch| launch.not_older_than.clone()).unwrap_or_default();
        let state = match listed.iter().any(|other| other.as_str() > commit.as_str()) {
            true => BuildState::Ended(BuildOutcome::OlderCommit),
            false => BuildState::Running,
        };
        if state == BuildState::Running {
            self.commands.push(commit);
        }
        let build = ProviderBuild { state, ..described_build(token, row) };
        self.builds.insert(token.to_owned(), build.clone());
        // The reply of a start is known late: the job sees a running build first.
        ProviderBuild { state: BuildState::Running, ..build }
    }

    fn end(&mut self, id: &BuildId) -> Option<ProviderBuild> {
        let build = self.builds.values_mut().find(|build| build.id == *id)?;
        if build.state == BuildState::Running {
            build.state = BuildState::Ended(BuildOutcome::Success);
        }
        Some(build.clone())
    }
}

pub(super) fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// One worker's view of the world: it can be interrupted before each call.
#[derive(Debug, Clone)]
pub(super) struct WorkerPorts {
    pub(super) ledger: LedgerStub,
    pub(super) world: Arc<Mutex<World>>,
    pub(super) worker: usize,
}

impl WorkerPorts {
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// At most one job of the ref is past its acceptance and not over, and it holds the ref.
    fn check_rows(&self) {
        let rows = self.ledger.rows();
        let has_started = |row: &&Row| matches!(row.phase, Phase::Starting { .. } | Phase::Running { .. });
        let started: Vec<&Row> = rows.iter().filter(has_started).collect();
        assert!(started.len() <= 1, "two jobs have started: {started:#?}");
        for row in started {
            let holder = self.ledger.order(row).holder.map(|holder| holder.key);
            assert_eq!(holder.as_ref(), Some(&row.key), "a job has started that does not hold the ref");
        }
    }
}

impl JobLedger for WorkerPorts {
    async fn insert(&self, rows: &[Row]) -> Vec<Result<InsertOutcome, PortError>> {
        self.ledger.insert(rows).await
    }

    async fn load(&self, keys: &[JobKey]) -> Vec<Result<Option<Row>, LoadError>> {
        interrupt().await;
        let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
        self.world().note_read(self.worker, &names);
        JobLedger::load(&self.ledger, keys).await
    }

    async fn update(&self, rows: &[Row]) -> Vec<Result<UpdateOutcome, PortError>> {
        interrupt().await;
        let outcomes = self.ledger.update(rows).await;
        for (row, outcome) in rows.iter().zip(&outcomes) {
            let content = Row { writer: String::new(), ..row.clone() };
            let written = (*outcome == Ok(UpdateOutcome::Written)).then_some(&content);
            self.world().note_write(self.worker, row.key.as_str(), written);
        }
        self.check_rows();
        outcomes
    }

    async fn due(&self, shard: u8, now: Timestamp, after: Option<Cursor>) -> Result<DuePage, PortError> {
        self.ledger.due(shard, now, after).await
    }
}

/// No project here limits its jobs.
impl JobCounter for WorkerPorts {
    async fn count(&self, count: &HourlyCount, max_jobs: u32) -> CountOutcome {
        interrupt().await;
        self.ledger.count(count, max_jobs).await
    }
}

/// The installation's builds are not limited here.
impl BuildSlots for WorkerPorts {
    async fn take(&self, job: &JobKey, max: u32) -> Result<bool, PortError> {
        self.ledger.take(job, max).await
    }

    async fn release(&self, jobs: &[JobKey]) -> Result<(), PortError> {
        self.ledger.release(jobs).await
    }

    async fn holders(&self) -> Result<Vec<JobKey>, PortError> {
        self.ledger.holders().await
    }
}

impl OrderLedger for WorkerPorts {
    async fn load(&self, scope: &OrderScope) -> Result<Option<OrderItem>, LoadError> {
        interrupt().await;
        self.world().note_read(self.worker, &[scope.to_string()]);
        OrderLedger::load(&self.ledger, scope).await
    }

    async fn write(&self, scope: &OrderScope, item: &OrderItem, now: Timestamp) -> Result<UpdateOutcome, PortError> {
        interrupt().await;
        let outcome = self.ledger.write(scope, item, now).await;
        let written = (outcome == Ok(UpdateOutcome::Written)).then_some(item);
        self.world().note_write(self.worker, &scope.to_string(), written);
        self.check_rows();
        outcome
    }
}

impl EffectExecutor for WorkerPorts {
    async fn execute(&self, row: &Row, effect: &Effect, _: &mut Permits, _: Instant) -> Option<Observation> {
        match effect {
            Effect::StartBuild { attempt, token, .. } => {
                interrupt().await;
                let mut world = self.world();
                let build = world.start(row, token);
                world.note_write(self.worker, token, Some(&"started"));
                Some(Observation::StartAttempted { attempt: *attempt, outcome: StartOutcome::Started(build) })
            }
            Effect::DescribeBuild(id) => {
                interrupt().await;
                let mut world = self.world();
                let build = world.end(id)?;
                world.note_write(self.worker, id.as_str(), Some(&"ended"));
                Some(Observation::BuildDescribed { build, claims_final: false })
            }
            effect => panic!("not a part of this search: {effect:?}"),
        }
    }
}
