//! The engine's loops over a simulation in memory, in virtual time: whole histories of jobs, with what goes wrong in them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these helpers are tests, too")]
#![allow(unreachable_pub, reason = "nobody is outside of these tests")]

mod crashes;
mod duplicates;
mod fakes;
mod forges;
mod happy_path;
mod harness;
mod limits;
mod memory;
mod messages;
mod missing_events;
mod outages;
mod quarantine;
mod simulation;
