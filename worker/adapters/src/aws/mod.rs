//! The adapters to AWS. SDK types end here: each operation is one match from the SDK's error to what happens next.

pub(crate) mod clock;
pub(crate) mod connection;
#[cfg(feature = "done-events")]
mod done_topic;
#[cfg(feature = "identity")]
mod identity;
#[cfg(any(feature = "codebuild", feature = "identity"))]
mod initiator;
#[cfg(feature = "ledger")]
mod ledger;
#[cfg(feature = "queue")]
mod queue;
#[cfg(feature = "registry")]
mod registry;
#[cfg(feature = "registry")]
mod registry_calls;
#[cfg(feature = "secrets")]
mod secrets;
mod sent_secrets;

// The tests use all adapters: features that are the package's default.
#[cfg(test)]
#[cfg(all(feature = "codebuild", feature = "ledger", feature = "queue", feature = "registry", feature = "secrets"))]
mod tests;

pub use clock::AwsClock;
pub use connection::{AwsCallError, Connection, aws_error};
#[cfg(feature = "done-events")]
pub use done_topic::DoneTopic;
#[cfg(feature = "identity")]
pub use identity::CallerIdentity;
#[cfg(any(feature = "codebuild", feature = "identity"))]
pub use initiator::Initiator;
#[cfg(feature = "ledger")]
pub use ledger::{
    DUE_INDEX as LEDGER_INDEX, DynamoDbLedger, HeartbeatWorker, LastSweep, LatestJobKeys, LedgerRows, PROJECT_INDEX,
};
#[cfg(feature = "queue")]
pub use queue::SqsQueue;
#[cfg(feature = "registry")]
pub use registry::{DEFAULT_DOCUMENT, RegistryEntry, SsmRegistry};
#[cfg(feature = "secrets")]
pub use secrets::SecretsManagerStore;
pub use sent_secrets::{foreign_words, remember_secrets};
