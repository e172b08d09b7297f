//! The engine's loops over a world in memory, in virtual time: whole histories of jobs, with what goes wrong in them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these helpers are tests, too")]
#![allow(unreachable_pub, reason = "nobody is outside of these tests")]

mod crashes;
mod duplicates;
mod fakes;
mod forges;
mod journeys;
mod limits;
mod memory;
mod messages;
mod outages;
mod poison;
mod quiet;
mod simulation;
mod world;
