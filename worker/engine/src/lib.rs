#![doc = include_str!("../README.md")]

pub mod domain;
pub mod ports;

mod cache;
mod drive;
mod engine;
mod events;
mod meter;
mod perform;
mod pools;
mod pulse;
mod receiver;
mod registry;
mod sweep;
mod tokens;
mod triggers;

pub use engine::{Engine, Settings};
pub use pulse::{Part, Pulse};
