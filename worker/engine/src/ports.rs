//! What the engine needs of the world, in its own words. Each port is narrow, and answers a slice with a slice where
//! one receive brings many: an adapter may then make one call of it.

use std::future::Future;
use std::time::Duration;

use doorbell_messages::{BuildId, DeadLetter, GitRef, JobKey, ProjectName};
use doorbell_registry::SecretId;
use secrecy::SecretString;

use crate::domain::{
    BuildQuery, DeliveryOutcome, ForgeRepository, LaunchSpec, ProviderBuild, RefResolution, RegistryDocuments,
    ReportTarget, Row, StartOutcome, StatusReport, Timestamp,
};

/// A port that did not do what it was asked; trying later can help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PortError(pub String);

/// AWS's time, as far as it is known.
pub trait Clock: Send + Sync {
    /// Now; none until an AWS service has said what time it is, or while its word and the local clock disagree.
    fn now(&self) -> Option<Timestamp>;
}

/// A message, as a queue hands it out.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its text.
    pub body: String,
    /// The queue's id for it.
    pub message_id: String,
    /// How often it was handed out, this time included.
    pub receive_count: u32,
    /// What deletes it.
    pub receipt: ReceiptHandle,
}

/// The right to delete one delivery. Acking consumes it; dropping it lets the message come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptHandle(pub String);

/// A queue.
pub trait MessageQueue: Send + Sync + 'static {
    /// Waits up to `delay` for messages; at most ten, perhaps none.
    fn receive(&self, wait: Duration) -> impl Future<Output = Result<Vec<Delivery>, PortError>> + Send;
    /// Deletes. A message whose deletion fails comes back, which is harmless: its row is there.
    fn ack(&self, receipts: Vec<ReceiptHandle>) -> impl Future<Output = Result<(), PortError>> + Send;
    /// Puts a message that can't be worked on where people find it, with the reason.
    fn dead_letter(&self, dead_letter: DeadLetter) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The owner's registry.
pub trait ProjectRegistry: Send + Sync {
    /// A project's documents; none where there is no such project.
    fn read(&self, project: &ProjectName) -> impl Future<Output = Result<Option<RegistryDocuments>, PortError>> + Send;
}

/// How an insert went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertOutcome {
    /// The row is there now.
    Inserted,
    /// A row with this key was there.
    AlreadyExists,
}

/// How an update went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// The row is as given.
    Written,
    /// The row is not of the revision that this one follows.
    Conflict,
}

/// Why a row could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The ledger did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A newer worker wrote it: it is left alone, for a worker that can read it.
    #[error("the row has schema {0}, which is newer than this worker")]
    NewerSchema(u32),
    /// It can't be read at all.
    #[error("the row can't be read: {0}")]
    Corrupt(String),
}

/// The jobs: the only truth that workers share.
pub trait JobLedger: Send + Sync {
    /// Inserts each row unless its key is there.
    fn insert(&self, rows: &[Row]) -> impl Future<Output = Vec<Result<InsertOutcome, PortError>>> + Send;
    /// Reads each row, consistently.
    fn load(&self, keys: &[JobKey]) -> impl Future<Output = Vec<Result<Option<Row>, LoadError>>> + Send;
    /// Writes each row over the one with the revision before its own.
    fn update(&self, rows: &[Row]) -> impl Future<Output = Vec<Result<UpdateOutcome, PortError>>> + Send;
    /// A page of the keys of one shard whose due time has come, the longest due first; may be stale.
    fn due(
        &self,
        shard: u8,
        now: Timestamp,
        after: Option<Cursor>,
    ) -> impl Future<Output = Result<DuePage, PortError>> + Send;
}

/// Keys of rows whose due time has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DuePage {
    /// The keys.
    pub keys: Vec<JobKey>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// A place in the index over due times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The last key of the page before.
    pub key: JobKey,
    /// Its due time.
    pub due_at: Timestamp,
}

/// Into how many shards the index over due times is cut: part of the ledger's schema.
pub const SHARDS: u8 = 16;

/// The shard of a key: part of the ledger's schema.
pub fn shard_of(key: &JobKey) -> u8 {
    use sha2::{Digest, Sha256};
    Sha256::digest(key.as_str().as_bytes())[0] % SHARDS
}

/// What runs builds.
pub trait BuildProvider: Send + Sync {
    /// Starts a build, in one attempt: a second one by itself could be a second build.
    fn start(&self, spec: &LaunchSpec, token: &str) -> impl Future<Output = StartOutcome> + Send;
    /// All builds of a build project that were started since, and perhaps older ones.
    fn list(&self, query: &BuildQuery) -> impl Future<Output = Result<Vec<ProviderBuild>, PortError>> + Send;
    /// How these builds are, at most [`MAX_DESCRIBE_BATCH`]; one that is missing in the answer is not known.
    fn describe(&self, ids: &[BuildId]) -> impl Future<Output = Result<Vec<ProviderBuild>, PortError>> + Send;
    /// Stops a build; one that has ended already is fine.
    fn stop(&self, id: &BuildId) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// BatchGetBuilds takes at most so many ids.
pub const MAX_DESCRIBE_BATCH: usize = 100;

/// What a forge said to a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    /// It was taken.
    Seen(T),
    /// It was not: a fresher one may be.
    Unauthorized(String),
}

/// Where results are told.
pub trait StatusReporter: Send + Sync {
    /// Tells a status.
    fn report_status(
        &self,
        target: &ReportTarget,
        report: &StatusReport,
        token: &SecretString,
    ) -> impl Future<Output = Answer<DeliveryOutcome>> + Send;
    /// The commit at a ref.
    fn resolve_ref(
        &self,
        repository: &ForgeRepository,
        git_ref: &GitRef,
        token: Option<&SecretString>,
    ) -> impl Future<Output = Answer<RefResolution>> + Send;
}

/// Where tokens are kept.
pub trait SecretStore: Send + Sync {
    /// A secret's present value.
    fn read(&self, id: &SecretId) -> impl Future<Output = Result<SecretString, PortError>> + Send;
}

/// All ports of one worker.
pub trait Ports: Send + Sync + 'static {
    /// Its time.
    type Clock: Clock;
    /// Its registry.
    type ProjectRegistry: ProjectRegistry;
    /// Its jobs.
    type JobLedger: JobLedger;
    /// Its provider.
    type BuildProvider: BuildProvider;
    /// Its forges.
    type StatusReporter: StatusReporter;
    /// Its secrets.
    type SecretStore: SecretStore;

    /// See [`Clock`].
    fn clock(&self) -> &Self::Clock;
    /// See [`ProjectRegistry`].
    fn registry(&self) -> &Self::ProjectRegistry;
    /// See [`JobLedger`].
    fn ledger(&self) -> &Self::JobLedger;
    /// See [`BuildProvider`].
    fn provider(&self) -> &Self::BuildProvider;
    /// See [`StatusReporter`].
    fn reporter(&self) -> &Self::StatusReporter;
    /// See [`SecretStore`].
    fn secrets(&self) -> &Self::SecretStore;
}
