//! The adapters to AWS. SDK types end here: each operation is one match from the SDK's error to what happens next.

mod codebuild;
mod connection;
mod identity;
mod ledger;
mod queue;
mod registry;
mod secrets;

#[cfg(test)]
mod tests;

pub(crate) use codebuild::CodeBuild;
pub use connection::{CallFailed, Connection, call_failed};
pub(crate) use identity::Identity;
pub use ledger::{INDEX as LEDGER_INDEX, LastSweep, LedgerPage, Table};
pub(crate) use queue::Queue;
pub(crate) use registry::ParameterStore;
pub(crate) use secrets::SecretsManager;
