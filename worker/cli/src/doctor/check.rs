use clap::builder::styling::{AnsiColor, Style};
use doorbell_adapters::aws::AwsCallError;
use serde::Serialize;

use crate::error::{CliError, is_denied};
use crate::printer::harmless;

/// How a link of the chain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CheckState {
    /// It holds.
    Ok,
    /// It holds, and somebody should look.
    Warning,
    /// It does not hold.
    Failure,
    /// It was not looked at, which says nothing of it: these credentials may not, or there is nothing to look at yet.
    Skipped,
}

impl CheckState {
    /// Words of one width.
    pub(super) fn label(self) -> (&'static str, Style) {
        match self {
            Self::Ok => ("ok     ", AnsiColor::Green.on_default()),
            Self::Warning => ("warning", AnsiColor::Yellow.on_default().bold()),
            Self::Skipped => ("skipped", AnsiColor::Cyan.on_default()),
            Self::Failure => ("FAILURE", AnsiColor::Red.on_default().bold()),
        }
    }
}

/// One link of the chain. The names and fields are a promise: they stay, and others may join them.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Check {
    #[serde(rename = "check")]
    pub(super) name: String,
    pub(super) state: CheckState,
    pub(super) message: String,
    pub(super) fix: Option<String>,
}

impl Check {
    pub(super) fn ok(name: impl Into<String>, message: impl AsRef<str>) -> Self {
        Self { name: name.into(), state: CheckState::Ok, message: harmless(message.as_ref()), fix: None }
    }

    pub(super) fn warning(name: impl Into<String>, text: impl AsRef<str>, fix: impl Into<String>) -> Self {
        Self { name: name.into(), state: CheckState::Warning, message: harmless(text.as_ref()), fix: Some(fix.into()) }
    }

    pub(super) fn failure(name: impl Into<String>, text: impl AsRef<str>, fix: impl Into<String>) -> Self {
        Self { name: name.into(), state: CheckState::Failure, message: harmless(text.as_ref()), fix: Some(fix.into()) }
    }

    pub(super) fn skipped(name: impl Into<String>, text: impl AsRef<str>, fix: impl Into<String>) -> Self {
        Self { name: name.into(), state: CheckState::Skipped, message: harmless(text.as_ref()), fix: Some(fix.into()) }
    }

    /// A call that got no good answer. That the caller may not look says nothing of the link.
    pub(super) fn query_failed(name: impl Into<String>, error: &AwsCallError, fix: impl Into<String>) -> Self {
        if error.code.as_deref().is_some_and(is_denied) {
            let right = "give these credentials the right that is named; the README of doorbell-cli lists all";
            return Self::skipped(name, format!("it could not be looked at: {error}"), right);
        }
        Self::failure(name, error.to_string(), fix)
    }

    /// As [`Check::query_failed`].
    pub(super) fn unreadable(name: impl Into<String>, failure: &CliError) -> Self {
        let state = match failure.kind {
            crate::error::CliErrorKind::Denied => CheckState::Skipped,
            _ => CheckState::Failure,
        };
        Self { name: name.into(), state, message: harmless(&failure.message), fix: Some(failure.hint.clone()) }
    }
}

/// `Ok` with this text if `problems` is empty, else a failure that names them all.
pub(super) fn check_from_problems(
    name: &str,
    problems: &[String],
    good: impl AsRef<str>,
    fix: impl Into<String>,
) -> Check {
    if problems.is_empty() { Check::ok(name, good) } else { Check::failure(name, problems.join("; "), fix) }
}
