//! Parsers of the settings that only the worker has. Each error states the rule, with an example.

use std::net::SocketAddr;

pub(super) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=10_000) => Ok(count),
        _ => Err("expected a number from 1 to 10000".to_owned()),
    }
}

/// At most as many as are cheap to write: each is an entry of one item.
pub(super) fn build_count(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(count @ 1..=500) => Ok(count),
        _ => Err("expected a number from 1 to 500".to_owned()),
    }
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "expected true or false".to_owned())
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected <IP>:<port>, such as 127.0.0.1:8080".to_owned())
}

pub(super) fn filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; expected a level (info) or target=level,...")),
    }
}
