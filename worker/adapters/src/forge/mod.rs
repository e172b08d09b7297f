//! The adapters to forges. HTTP types end here.

mod address;
#[cfg(test)]
mod callers;
mod client;
mod pagure;

pub use client::PagureReporter;
