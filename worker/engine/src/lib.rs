#![doc = include_str!("../README.md")]

pub mod domain;
pub mod ports;

mod cache;
mod drive;
mod engine;
mod events;
mod leave;
mod lines;
mod meter;
mod panics;
mod perform;
mod pulse;
mod receiver;
mod registry;
mod sweep;
mod tokens;
mod triggers;
mod turns;

pub use engine::{Engine, Settings};
pub use pulse::{Part, Pulse};
