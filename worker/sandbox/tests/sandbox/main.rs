//! Tests of the sandbox and, in it, of the real binaries.
//!
//! One test binary, since each one costs a link.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these helpers are tests, too")]

mod cli;
mod codebuild;
mod e2e;
mod emulator;
mod fast_endpoint;
mod forge;
mod forge_log;
mod proxy;
mod real_pagure;
