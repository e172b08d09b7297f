//! The adapters to forges. HTTP types end here.

mod address;
mod client;
mod pagure;

pub use client::PagureReporter;
