//! The owner's documents, file by file: each fixture is parsed and compared with its expected result or error.
//!
//! `UPDATE_EXPECTED=1` rewrites the tables of errors and warnings, `UPDATE_SCHEMAS=1` the JSON Schema; read their diff.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these helpers are tests, too")]

#[path = "../../../../publisher/messages/tests/messages/fixtures.rs"]
mod fixtures;
mod pinned;
mod project;
#[path = "../../../../publisher/messages/tests/messages/schema_checks.rs"]
mod schema_checks;
mod schemas;
mod secrets;
