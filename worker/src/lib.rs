#![doc = include_str!("../README.md")]

mod aws;
mod clock;
mod error_chain;
mod forge;
mod health;
mod heartbeat;
mod log;
mod ports;
mod service;
mod settings;

pub use aws::{
    AwsCallError, CODEBUILD_PROFILE, Connection, DynamoDbLedger, LEDGER_INDEX, LastSweep, LedgerPage, aws_error,
};
pub use clock::AwsClock;
pub use error_chain::error_chain;
pub use forge::PagureReporter;
pub use health::probe as probe_health;
pub use service::run;
pub use settings::{HealthArguments, WorkerArguments, WorkerCommand, WorkerSettings, values as setting_values};
