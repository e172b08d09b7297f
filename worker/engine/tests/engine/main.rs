//! The engine's loops over a world in memory, in virtual time: whole histories of jobs, with what goes wrong in them.

// Clippy's "allowed in tests" covers functions with #[test] only, and these tests have helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

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
