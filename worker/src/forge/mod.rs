//! The adapters to forges. HTTP types end here.

mod address;
mod client;
mod pagure;

pub(crate) use client::Forges;
