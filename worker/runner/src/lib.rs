#![doc = include_str!("../README.md")]

mod ancestry;
mod authorization;
mod checkout;
mod command;
mod credential;
mod error;
mod git;
mod git_environment;
mod log;
mod output;
mod run;
mod settings;
mod spawn_error;
mod supervisor;

pub use run::run;
