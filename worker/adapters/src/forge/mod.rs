//! The adapters to forges. HTTP types end here.

mod address;
mod ca_certificates;
#[cfg(test)]
mod callers;
mod client;
mod network;
mod pagure;

pub use ca_certificates::CaCertificates;
#[cfg(test)]
pub(crate) use ca_certificates::tests::private_forge;
pub use client::PagureReporter;
pub use network::{ForgeNetwork, ForgeProxy};
