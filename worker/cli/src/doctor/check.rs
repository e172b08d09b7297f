use clap::builder::styling::{AnsiColor, Style};
use doorbell_worker::CallFailed;
use serde::Serialize;

use crate::failure::{Failure, is_denied};
use crate::screen::harmless;

/// How a link of the chain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// It holds.
    Ok,
    /// It holds, and somebody should look.
    Warning,
    /// It does not hold.
    Failure,
    /// It was not looked at, which says nothing of it: these credentials may not, or there is nothing to look at yet.
    Skipped,
}

impl State {
    /// Words of one width.
    pub(super) fn shown(self) -> (&'static str, Style) {
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
    pub(super) state: State,
    pub(super) text: String,
    pub(super) mend: Option<String>,
}

impl Check {
    pub(super) fn ok(name: impl Into<String>, text: impl AsRef<str>) -> Self {
        Self { name: name.into(), state: State::Ok, text: harmless(text.as_ref()), mend: None }
    }

    pub(super) fn warning(name: impl Into<String>, text: impl AsRef<str>, mend: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Warning, text: harmless(text.as_ref()), mend: Some(mend.into()) }
    }

    pub(super) fn failure(name: impl Into<String>, text: impl AsRef<str>, mend: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Failure, text: harmless(text.as_ref()), mend: Some(mend.into()) }
    }

    pub(super) fn skipped(name: impl Into<String>, text: impl AsRef<str>, mend: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Skipped, text: harmless(text.as_ref()), mend: Some(mend.into()) }
    }

    /// A call that got no good answer. That the caller may not look says nothing of the link.
    pub(super) fn unanswered(name: impl Into<String>, failed: &CallFailed, mend: impl Into<String>) -> Self {
        if failed.code.as_deref().is_some_and(is_denied) {
            let right = "give these credentials the right that is named; the README of doorbell-cli lists all";
            return Self::skipped(name, format!("it could not be looked at: {failed}"), right);
        }
        Self::failure(name, failed.to_string(), mend)
    }

    /// As [`Check::unanswered`].
    pub(super) fn unread(name: impl Into<String>, failure: &Failure) -> Self {
        let state = match failure.kind {
            crate::failure::FailureKind::Denied => State::Skipped,
            _ => State::Failure,
        };
        Self { name: name.into(), state, text: harmless(&failure.what), mend: Some(failure.next.clone()) }
    }
}

/// `Ok` with this text if `problems` is empty, else a failure that names them all.
pub(super) fn judged(name: &str, problems: &[String], good: impl AsRef<str>, mend: impl Into<String>) -> Check {
    if problems.is_empty() { Check::ok(name, good) } else { Check::failure(name, problems.join("; "), mend) }
}
