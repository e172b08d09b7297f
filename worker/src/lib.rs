#![doc = include_str!("../README.md")]

mod aws;
mod causes;
mod clock;
mod forge;
mod health;
mod heartbeat;
mod log;
mod service;
mod settings;
mod world;

pub use aws::{CallFailed, Connection, LEDGER_INDEX, LastSweep, LedgerPage, Table, call_failed};
pub use causes::with_causes;
pub use clock::AwsClock;
pub use forge::Forges;
pub use health::ask as ask_health;
pub use service::run;
pub use settings::{Arguments, Command, HealthArguments, Settings, values as setting_values};
