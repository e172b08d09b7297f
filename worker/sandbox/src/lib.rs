#![doc = include_str!("../README.md")]

pub mod account;
pub mod aws;
mod backdate;
pub mod bench;
pub mod chaos;
mod cloudwatch;
pub mod codebuild;
pub mod credentials;
pub mod demo;
pub mod deployment_page;
pub mod emulator;
pub mod fast_endpoint;
pub mod forge;
pub mod git_host;
pub mod job;
mod output_format;
mod process_stats;
pub mod programs;
pub mod proxy;
pub mod sandbox;
pub mod seeded_rng;
pub mod server;
pub mod terraform_account;
pub mod test_ca;
pub mod worker_process;

/// The current time, as AWS writes times in JSON.
pub fn now_in_iso_8601() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}
