//! What a forge's answers say, in words that may be kept.

use doorbell_engine::domain::one_line;
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use crate::causes::with_causes;

#[derive(Deserialize)]
pub(super) struct Problem {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    pub(super) error_code: Option<String>,
    /// A text for a token, an object for a form.
    #[serde(default)]
    errors: Option<serde_json::Value>,
}

pub(super) fn reason(code: StatusCode, problem: Option<&Problem>) -> String {
    let mut text = format!("it answers {}", code.as_u16());
    if code.is_redirection() {
        text.push_str(" (a redirect, which is not followed: set report.url to the forge's own address)");
    }
    if let Some(problem) = problem {
        for part in [problem.error_code.as_deref(), problem.error.as_deref()].into_iter().flatten() {
            text.push_str(": ");
            text.push_str(part);
        }
        match &problem.errors {
            Some(serde_json::Value::String(errors)) => text.push_str(&format!(": {errors}")),
            Some(errors) => text.push_str(&format!(": {errors}")),
            None => {}
        }
    }
    one_line(&without_addresses(&text))
}

/// What a forge says may name people, and what is said here ends in logs and rows.
fn without_addresses(text: &str) -> String {
    let shown = |word: &str| if word.contains('@') { "(address)".to_owned() } else { word.to_owned() };
    text.split(' ').map(shown).collect::<Vec<_>>().join(" ")
}

pub(super) async fn read(mut answer: Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(some) = answer.chunk().await.map_err(|error| chain(&error))? {
        if body.len() + some.len() > most {
            return Err(format!("its answer is longer than {most} bytes"));
        }
        body.extend_from_slice(&some);
    }
    Ok(body)
}

/// The error and what it came from, without the URL: an address may say more than a log should.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let happened = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "it did not answer in time",
        (false, true) => "it can't be reached",
        (false, false) => "the connection broke",
    };
    with_causes(happened, error)
}
