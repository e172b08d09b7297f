#![doc = include_str!("../README.md")]

pub mod authority;
pub mod aws;
pub mod codebuild;
pub mod credentials;
pub mod emulator;
pub mod forge;
pub mod server;
pub mod world;
