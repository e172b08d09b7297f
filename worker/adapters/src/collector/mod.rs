//! The adapter to an OpenTelemetry collector: OTLP over HTTP, in JSON.

mod client;
mod headers;
mod retry;
mod url;

pub use client::{CollectorClient, CollectorSettings};
pub use headers::CollectorHeaders;
pub use url::CollectorUrl;
