//! The engine's loops over in-memory ports in virtual time, with injected faults.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these helpers are part of the tests")]
#![allow(unreachable_pub, reason = "nothing outside of these tests uses them")]

mod crashes;
mod done_events;
mod duplicates;
mod fakes;
mod forges;
mod happy_path;
mod harness;
mod hourly_limit;
mod kept_receipts;
mod ledger_calls;
mod limits;
mod max_builds;
mod memory;
mod messages;
mod metrics;
mod missing_events;
mod order;
mod order_oracle;
mod outages;
mod outcome_checks;
mod quarantine;
mod redrive;
mod series;
mod series_invariants;
mod simulation;
