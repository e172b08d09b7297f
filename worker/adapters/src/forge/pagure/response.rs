//! What a forge's answers say, in words that may be kept.

use doorbell_engine::domain::one_line;
use doorbell_messages::Redactor;
use doorbell_messages::text::error_causes;
use reqwest::{Response, StatusCode};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct ErrorBody {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    pub(super) error_code: Option<String>,
    /// A text for a token, an object for a form.
    #[serde(default)]
    errors: Option<serde_json::Value>,
}

pub(super) fn describe_response(code: StatusCode, error_body: Option<&ErrorBody>, secrets: &Redactor) -> String {
    let mut text = format!("it answers {}", code.as_u16());
    if code.is_redirection() {
        text.push_str(" (a redirect, which is not followed: set reportTo.url to the forge's own address)");
    }
    if let Some(error_body) = error_body {
        for part in [error_body.error_code.as_deref(), error_body.error.as_deref()].into_iter().flatten() {
            text.push_str(": ");
            text.push_str(part);
        }
        match &error_body.errors {
            Some(serde_json::Value::String(errors)) => text.push_str(&format!(": {errors}")),
            Some(errors) => text.push_str(&format!(": {errors}")),
            None => {}
        }
    }
    foreign_words(&text, secrets)
}

/// What a forge said, as logs and rows may keep it: without the call's secrets and people's addresses, on one line.
///
/// A forge, or a proxy before it, may repeat what it was sent. All of its words pass through here, before they are cut.
pub(super) fn foreign_words(text: &str, secrets: &Redactor) -> String {
    one_line(&redact_email_addresses(&secrets.redact(text)))
}

/// What a forge says may name people, and what is said here ends in logs and rows.
fn redact_email_addresses(text: &str) -> String {
    let redact = |word: &str| if word.contains('@') { "(address)".to_owned() } else { word.to_owned() };
    text.split(' ').map(redact).collect::<Vec<_>>().join(" ")
}

pub(super) async fn read(mut response: Response, max_bytes: usize, secrets: &Redactor) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| describe_transport_error(&error, secrets))? {
        if body.len() + chunk.len() > max_bytes {
            return Err(format!("its answer is longer than {max_bytes} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The error and what it came from, without the URL: an address may say more than a log should.
pub(super) fn describe_transport_error(error: &reqwest::Error, secrets: &Redactor) -> String {
    let summary = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "it did not answer in time",
        (false, true) => "it can't be reached",
        (false, false) => "the connection broke",
    };
    foreign_words(&error_causes(summary, error), secrets)
}
