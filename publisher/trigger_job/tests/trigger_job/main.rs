//! The real binary against a stub of SNS on this machine: what CIs see of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod canary;
mod causes;
mod checkout;
mod ci_builds;
mod ci_output;
mod credentials;
mod documentation;
mod dry_run;
mod github_role;
mod invocation;
mod print_commands;
mod publishing;
mod retries;
mod shell_script;
mod snippets;
mod sns_errors;
mod stub;
mod terminal;
mod usage;
mod vendors;
