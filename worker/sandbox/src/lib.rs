#![doc = include_str!("../README.md")]

mod aging;
pub mod applied;
pub mod authority;
pub mod aws;
pub mod bench;
pub mod chaos;
pub mod codebuild;
pub mod credentials;
pub mod demo;
pub mod dice;
pub mod emulator;
mod footprint;
pub mod forge;
pub mod job;
pub mod programs;
pub mod proxy;
pub mod sandbox;
pub mod server;
pub mod worker_process;
pub mod world;

/// This moment, as AWS writes times in JSON.
pub fn now_in_iso_8601() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}
