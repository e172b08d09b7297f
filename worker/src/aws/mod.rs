//! The adapters to AWS. SDK types end here: each operation is one match from the SDK's error to what happens next.

mod codebuild;
mod connection;
mod identity;
mod initiator;
mod ledger;
mod queue;
mod registry;
mod secrets;

#[cfg(test)]
mod tests;

pub use codebuild::CODEBUILD_PROFILE;
pub(crate) use codebuild::CodeBuildProvider;
pub use connection::{AwsCallError, Connection, aws_error};
pub(crate) use identity::CallerIdentity;
pub(crate) use initiator::Initiator;
pub use ledger::{DUE_INDEX as LEDGER_INDEX, DynamoDbLedger, LastSweep, LedgerPage};
pub(crate) use queue::SqsQueue;
pub(crate) use registry::SsmRegistry;
pub(crate) use secrets::SecretsManagerStore;
