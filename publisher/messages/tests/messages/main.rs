//! The contract, file by file: each fixture is parsed and compared with its expected result or error.
//!
//! `UPDATE_EXPECTED=1` rewrites the tables of errors, `UPDATE_SCHEMAS=1` the JSON Schemas; read their diff.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these helpers are tests, too")]

mod build_environment;
mod dead_letter;
mod done_event;
mod envelope;
mod event;
mod fixtures;
mod git_ref;
mod git_url;
mod job_key;
mod pinned_environment;
mod redactor;
mod ref_pattern;
mod request;
mod schema_checks;
mod schemas;
mod strategies;

pub(crate) fn located(error: doorbell_messages::ParseError) -> String {
    assert!(error.path.starts_with('$'), "{error:?} names no JSON path");
    error.to_string()
}
