#![doc = include_str!("../README.md")]

pub mod aws;
#[cfg(feature = "collector")]
pub mod collector;
#[cfg(feature = "pagure")]
pub mod forge;
#[cfg(feature = "codebuild")]
pub mod provider;
pub mod settings;

mod error_chain;

pub use error_chain::error_chain;
