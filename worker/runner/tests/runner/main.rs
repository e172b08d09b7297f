//! The runner's binary, with the real git, on repositories made for each test.
// Clippy's leave to unwrap in tests covers test functions only, not their helpers.
#![allow(clippy::unwrap_used, clippy::panic)]

mod checkout;
mod command;
mod credential;
mod hostile;
mod limits;
mod server;
mod world;
