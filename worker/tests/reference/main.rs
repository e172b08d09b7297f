//! The pages of `docs/reference`, compared with what they describe.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these helpers are tests, too")]

mod page;
mod reserved;
mod schema;
mod settings;
