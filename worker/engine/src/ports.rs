//! The interfaces to everything outside, in the engine's words.
//!
//! Each port is narrow. It takes and returns slices where one receive brings many, so that an adapter can make one call
//! of them.

use std::future::Future;
use std::time::Duration;

use doorbell_messages::{BuildId, DeadLetter, JobKey, ProjectName};
use doorbell_registry::SecretId;
use secrecy::SecretString;

use crate::domain::{
    BuildQuery, LaunchSpec, OrderItem, OrderScope, ProviderBuild, ProviderProfile, RegistryDocuments, Row,
    StartOutcome, Timestamp,
};

pub use crate::build_slots::BuildSlots;
pub use crate::done_event_publisher::DoneEventPublisher;
pub use crate::forge_ports::{RefResolver, StatusReporter, Unauthorized};
pub use crate::job_counter::JobCounter;

/// A call that failed; a later try may succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PortError(pub String);

/// The trusted time, as far as it is known.
pub trait Clock: Send + Sync {
    /// Now; none until a service has shown its time, or while that and the local clock disagree.
    fn now(&self) -> Option<Timestamp>;
}

/// A message, as a queue delivers it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its body.
    pub body: String,
    /// The queue's id for it.
    pub message_id: String,
    /// How often it was received, this time included.
    pub receive_count: u32,
    /// What an ack needs.
    pub receipt: ReceiptHandle,
}

/// The handle that acks one delivery. Dropping it lets the message be redelivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptHandle(pub String);

/// A message queue.
pub trait MessageQueue: Send + Sync + 'static {
    /// Waits up to `wait` for messages; at most ten, perhaps none.
    fn receive(&self, wait: Duration) -> impl Future<Output = Result<Vec<Delivery>, PortError>> + Send;
    /// Deletes messages. One whose deletion fails is redelivered, which is harmless: its row exists.
    fn ack(&self, receipts: Vec<ReceiptHandle>) -> impl Future<Output = Result<(), PortError>> + Send;
    /// Moves a message that cannot be handled to the dead-letter queue, with the reason.
    fn dead_letter(&self, dead_letter: DeadLetter) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Why the registry could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It takes no more calls for the moment: all that the account makes share one limit.
    #[error("{0}")]
    Throttled(String),
    /// It did not answer, or denied the call.
    #[error("{0}")]
    Failed(String),
}

/// What a read of several projects brought for one of them.
#[derive(Debug, Clone)]
pub enum ProjectRead {
    /// Its documents.
    Found(RegistryDocuments),
    /// It is not registered, as far as one read shows.
    Missing,
    /// Its document could not be read, for a reason that concerns no other one.
    Failed(String),
}

/// Some of the registered names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamesPage {
    /// The names.
    pub names: Vec<ProjectName>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// The owner's registry. Each method makes one call, without retries, unless a document needs one of its own.
pub trait ProjectRegistry: Send + Sync {
    /// The documents of at most nine projects, in their order.
    fn read(&self, projects: &[ProjectName]) -> impl Future<Output = Result<Vec<ProjectRead>, RegistryError>> + Send;
    /// A project's documents; none where the project is not registered.
    fn read_one(
        &self,
        project: &ProjectName,
    ) -> impl Future<Output = Result<Option<RegistryDocuments>, RegistryError>> + Send;
    /// A page of the registered names.
    fn list_names(&self, after: Option<String>) -> impl Future<Output = Result<NamesPage, RegistryError>> + Send;
}

/// The list of registered names that the workers share, so that one which starts knows them at once.
///
/// It is a hint: the registry decides.
pub trait NameStore: Send + Sync {
    /// The names; none where no list was stored.
    fn load(&self) -> impl Future<Output = Result<Vec<ProjectName>, PortError>> + Send;
    /// Replaces the names.
    fn store(&self, names: &[ProjectName], now: Timestamp) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The outcome of an insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertOutcome {
    /// The row was written.
    Inserted,
    /// A row with this key exists.
    AlreadyExists,
}

/// The outcome of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// The row was written.
    Written,
    /// The row has another revision than the one that this follows.
    Conflict,
}

/// Why a row could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The ledger did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A newer worker wrote it. Nothing that depends on it is written or acked.
    #[error("the row has schema {0}, which is newer than this worker")]
    NewerSchema(u32),
    /// It cannot be parsed.
    #[error("the row cannot be read: {0}")]
    Corrupt(String),
}

/// The ledger of jobs: the only truth that workers share.
pub trait JobLedger: Send + Sync {
    /// Inserts each row unless its key exists.
    fn insert(&self, rows: &[Row]) -> impl Future<Output = Vec<Result<InsertOutcome, PortError>>> + Send;
    /// Reads each row, consistently.
    fn load(&self, keys: &[JobKey]) -> impl Future<Output = Vec<Result<Option<Row>, LoadError>>> + Send;
    /// Writes each row over the one of the previous revision.
    fn update(&self, rows: &[Row]) -> impl Future<Output = Vec<Result<UpdateOutcome, PortError>>> + Send;
    /// A page of the keys of one shard that are due, the longest due first; may be stale.
    fn due(
        &self,
        shard: u8,
        now: Timestamp,
        after: Option<Cursor>,
    ) -> impl Future<Output = Result<DuePage, PortError>> + Send;
}

/// The ledger of the order of jobs: one item for each scope.
pub trait OrderLedger: Send + Sync {
    /// Reads an item, consistently; none where there is none.
    fn load(&self, scope: &OrderScope) -> impl Future<Output = Result<Option<OrderItem>, LoadError>> + Send;
    /// Writes an item over the one of the previous revision; over none where its revision is 1.
    fn write(
        &self,
        scope: &OrderScope,
        item: &OrderItem,
        now: Timestamp,
    ) -> impl Future<Output = Result<UpdateOutcome, PortError>> + Send;
}

/// Keys of rows that are due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DuePage {
    /// The keys.
    pub keys: Vec<JobKey>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// A position in the index over due times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The last key of the page before.
    pub key: JobKey,
    /// Its due time.
    pub due_at: Timestamp,
}

/// The number of shards of the index over due times: part of the ledger's schema.
pub const SHARDS: u8 = 16;

/// The shard of a key in the index over due times: part of the ledger's schema.
pub fn shard_of(key: &JobKey) -> u8 {
    use sha2::{Digest, Sha256};
    Sha256::digest(key.as_str().as_bytes())[0] % SHARDS
}

/// The number of shards of a project in the index over projects: part of the ledger's schema.
///
/// With one shard a flood of requests for one project would heat one partition.
pub const PROJECT_SHARDS: u8 = 4;

/// The hash keys of a project's jobs in the index over projects.
pub fn project_shards(project: &ProjectName) -> impl Iterator<Item = String> {
    (0..PROJECT_SHARDS).map(move |shard| format!("{project}/{shard}"))
}

/// The hash key of a job in the index over projects: part of the ledger's schema.
pub fn project_shard_of(key: &JobKey) -> String {
    use sha2::{Digest, Sha256};
    // The second byte: the first one decides the shard of the index over due times.
    format!("{}/{}", key.project(), Sha256::digest(key.as_str().as_bytes())[1] % PROJECT_SHARDS)
}

/// Why builds could not be described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescribeError {
    /// The provider refuses the whole call because of one of its ids: one that this worker may not read, or no valid one.
    #[error("{0}")]
    Refused(String),
    /// The provider did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A build provider.
pub trait BuildProvider: Send + Sync {
    /// The facts of this provider that decisions depend on.
    fn profile(&self) -> ProviderProfile;
    /// Starts a build, in one attempt: a retry here could start a second build.
    fn start(&self, spec: &LaunchSpec, token: &str) -> impl Future<Output = StartOutcome> + Send;
    /// All builds of a target that were started since a time, and perhaps older ones.
    fn list(&self, query: &BuildQuery) -> impl Future<Output = Result<Vec<ProviderBuild>, PortError>> + Send;
    /// The state of these builds, at most the profile's `max_describe_batch`; one that is missing in the result is not
    /// known.
    fn describe(&self, ids: &[BuildId]) -> impl Future<Output = Result<Vec<ProviderBuild>, DescribeError>> + Send;
    /// Stops a build. That it has ended already is no error.
    fn stop(&self, id: &BuildId) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The store of secrets.
pub trait SecretStore: Send + Sync {
    /// The present value of a secret.
    fn read(&self, id: &SecretId) -> impl Future<Output = Result<SecretString, PortError>> + Send;
}

/// All ports of one worker.
pub trait Ports: Send + Sync + 'static {
    /// Its time.
    type Clock: Clock;
    /// Its registry.
    type ProjectRegistry: ProjectRegistry;
    /// Its jobs, what it counts of them, and the names that it knows.
    type JobLedger: JobLedger + NameStore + JobCounter + BuildSlots;
    /// Its order of jobs.
    type OrderLedger: OrderLedger;
    /// Its provider.
    type BuildProvider: BuildProvider;
    /// Its status reporter.
    type StatusReporter: StatusReporter;
    /// Its topic of done events.
    type DoneEventPublisher: DoneEventPublisher;
    /// Its ref resolver.
    type RefResolver: RefResolver;
    /// Its secrets.
    type SecretStore: SecretStore;

    /// See [`Clock`].
    fn clock(&self) -> &Self::Clock;
    /// See [`ProjectRegistry`].
    fn registry(&self) -> &Self::ProjectRegistry;
    /// See [`JobLedger`].
    fn ledger(&self) -> &Self::JobLedger;
    /// See [`OrderLedger`].
    fn order_ledger(&self) -> &Self::OrderLedger;
    /// See [`BuildProvider`].
    fn provider(&self) -> &Self::BuildProvider;
    /// See [`StatusReporter`].
    fn reporter(&self) -> &Self::StatusReporter;
    /// See [`DoneEventPublisher`].
    fn done_events(&self) -> &Self::DoneEventPublisher;
    /// See [`RefResolver`].
    fn resolver(&self) -> &Self::RefResolver;
    /// See [`SecretStore`].
    fn secrets(&self) -> &Self::SecretStore;
}
