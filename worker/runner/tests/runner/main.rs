//! The runner's binary, with the real git, on repositories made for each test.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these helpers are tests, too")]

mod checkout;
mod command;
mod credential;
mod fixture;
mod hostile;
mod limits;
mod server;
