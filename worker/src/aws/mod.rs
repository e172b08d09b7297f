//! The adapters to AWS. SDK types end here: each operation is one match from the SDK's error to what happens next.

mod codebuild;
mod connection;
mod identity;
mod ledger;
mod queue;
mod registry;
mod secrets;

pub(crate) use codebuild::CodeBuild;
pub(crate) use connection::Connection;
pub(crate) use identity::Identity;
pub(crate) use ledger::Table;
pub(crate) use queue::Queue;
pub(crate) use registry::ParameterStore;
pub(crate) use secrets::SecretsManager;
