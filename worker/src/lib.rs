#![doc = include_str!("../README.md")]

mod bounded_listener;
mod health;
mod heartbeat;
mod log;
mod metrics;
mod ports;
mod service;
mod settings;

pub use health::probe as probe_health;
pub use service::run;
pub use settings::{HealthArguments, WorkerArguments, WorkerCommand, WorkerSettings};
