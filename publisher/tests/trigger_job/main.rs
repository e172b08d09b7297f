//! The real binary against a stub of SNS on this machine: what CIs see of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod announcements;
mod checkout;
mod credentials;
mod documentation;
mod dry_run;
mod extras;
mod github_role;
mod publishing;
mod refusals;
mod retries;
mod run;
mod script;
mod snippets;
mod stub;
mod terminal;
mod usage;
mod vendors;
