use clap::builder::styling::{AnsiColor, Style};
use doorbell_adapters::aws::AwsCallError;
use serde::Serialize;

use crate::error::{CliError, is_denied};
use crate::printer::harmless;

/// State of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CheckState {
    /// The check passed.
    Ok,
    /// The check passed with a warning.
    Warning,
    /// The check failed.
    Failure,
    /// The check did not run: these credentials may not query the resource, or there is nothing to check yet.
    Skipped,
}

impl CheckState {
    /// Labels of one width.
    pub(super) fn label(self) -> (&'static str, Style) {
        match self {
            Self::Ok => ("ok     ", AnsiColor::Green.on_default()),
            Self::Warning => ("warning", AnsiColor::Yellow.on_default().bold()),
            Self::Skipped => ("skipped", AnsiColor::Cyan.on_default()),
            Self::Failure => ("FAILURE", AnsiColor::Red.on_default().bold()),
        }
    }
}

/// Result of one check. The names and fields are stable; later versions may add some.
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

    /// A check whose query failed: skipped if access was denied, since that says nothing about the link.
    pub(super) fn query_failed(name: impl Into<String>, error: &AwsCallError, fix: impl Into<String>) -> Self {
        if error.code.as_deref().is_some_and(is_denied) {
            let right = "grant these credentials the named permission; worker/cli/README.md lists all";
            return Self::skipped(name, format!("query failed: {error}"), right);
        }
        Self::failure(name, error.to_string(), fix)
    }

    /// Like [`Check::query_failed`], for an error of the CLI.
    pub(super) fn unreadable(name: impl Into<String>, failure: &CliError) -> Self {
        let state = match failure.kind {
            crate::error::CliErrorKind::Denied => CheckState::Skipped,
            _ => CheckState::Failure,
        };
        Self { name: name.into(), state, message: harmless(&failure.message), fix: Some(failure.hint.clone()) }
    }
}

/// A passed check if `problems` is empty, else a failure that lists them all.
pub(super) fn check_from_problems(
    name: &str,
    problems: &[String],
    good: impl AsRef<str>,
    fix: impl Into<String>,
) -> Check {
    if problems.is_empty() { Check::ok(name, good) } else { Check::failure(name, problems.join("; "), fix) }
}
