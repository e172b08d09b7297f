#![doc = include_str!("../README.md")]

mod ancestry;
mod authorization;
mod checkout;
mod command;
mod commit_order;
mod complement;
mod credential;
mod error;
mod fetch;
mod git;
mod git_environment;
mod git_failure;
mod log;
mod machine;
mod output;
mod request_variables;
mod retry;
mod run;
mod settings;
mod spawn_error;
mod supervisor;

pub use run::run;
