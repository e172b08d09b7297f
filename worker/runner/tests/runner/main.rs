//! The runner's binary, with the real git, on repositories made for each test.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these helpers are tests, too")]

mod checkout;
mod command;
mod commit_order;
mod complement;
mod credential;
mod fixture;
mod git_host;
mod hostile;
mod lfs;
mod limits;
mod pinned;
mod server;
mod submodules;
