//! The real binary against a stub of SNS on this machine: what CIs see of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod checkout;
mod credentials;
mod dry_run;
mod publishing;
mod refusals;
mod retries;
mod run;
mod stub;
mod usage;
