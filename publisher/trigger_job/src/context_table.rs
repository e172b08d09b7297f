use std::borrow::Cow;

use serde::Serialize;

use crate::ci::Fork;
use crate::resolution::Resolution;
use crate::{RequestContext, Vendor};

/// The name's column.
const NAME_WIDTH: usize = 9;
/// Narrower than this nothing can be read.
const MIN_WIDTH: usize = 40;

/// What was found and where, for `--show-context`.
pub(crate) struct ContextTable {
    rows: Vec<ContextRow>,
}

struct ContextRow {
    name: &'static str,
    /// Its name in JSON.
    key: &'static str,
    value: Option<String>,
    /// Where the value came from, or why there is none.
    source_or_reason: Cow<'static, str>,
}

/// One value in JSON. Its fields are stable; later versions may add fields.
#[derive(Serialize)]
struct ResolutionJson<'a> {
    value: Option<&'a str>,
    source: Option<&'a str>,
    reason: Option<&'a str>,
}

impl ContextTable {
    pub(crate) fn new(context: &RequestContext) -> Self {
        let project = row("project", "project", &context.project, |project| project.to_string());
        let git_ref = row("ref", "ref", &context.git_ref, doorbell_messages::GitRef::full);
        let commit = row("commit", "commit", &context.commit, |commit| commit.to_string());
        let id = row("id", "id", &context.id, |id| id.to_string());
        let build =
            row("build", "buildUrl", &context.build_url, |url| doorbell_messages::text::printable_line(url.as_str()));
        let topic = row("topic", "topicArn", &context.topic, |topic| topic.to_string());
        let role = row("role", "roleArn", &context.role, |role| role.to_string());
        Self {
            rows: vec![vendor_row(context.vendor), project, git_ref, commit, fork_row(context), id, build, topic, role],
        }
    }

    /// One value per line with its source after it, or below it if the width has no room for both.
    pub(crate) fn text(&self, width: Option<usize>) -> String {
        self.rows.iter().map(|row| row.text(width.map(|width| width.max(MIN_WIDTH)))).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let values = self.rows.iter().map(|row| {
            let found = row.value.is_some();
            let source_or_reason = Some(row.source_or_reason.as_ref()).filter(|text| !text.is_empty());
            let value = ResolutionJson {
                value: row.value.as_deref(),
                source: source_or_reason.filter(|_| found),
                reason: source_or_reason.filter(|_| !found),
            };
            (row.key.to_owned(), serde_json::json!(value))
        });
        values.collect::<serde_json::Map<_, _>>().into()
    }
}

impl ContextRow {
    fn text(&self, width: Option<usize>) -> String {
        let value = self.value.as_deref().unwrap_or("-");
        let line = format!("{:<NAME_WIDTH$}{value}", self.name);
        let whole = format!("{line}  ({})", self.source_or_reason);
        match width {
            Some(width) if whole.len() > width => {
                let source_or_reason = wrap(&format!("({})", self.source_or_reason), width - NAME_WIDTH);
                let indent = format!("\n{:NAME_WIDTH$}", "");
                format!("{line}{indent}{}", source_or_reason.join(&indent))
            }
            _ => whole,
        }
    }
}

fn row<T>(
    name: &'static str,
    key: &'static str,
    resolution: &Resolution<T>,
    show: impl Fn(&T) -> String,
) -> ContextRow {
    match resolution {
        Resolution::Found { value, source } => {
            ContextRow { name, key, value: Some(show(value)), source_or_reason: source.clone() }
        }
        Resolution::Missing { reason } | Resolution::Invalid { reason } => {
            ContextRow { name, key, value: None, source_or_reason: reason.clone().into() }
        }
    }
}

fn vendor_row(vendor: Option<Vendor>) -> ContextRow {
    let source = match vendor {
        Some(_) => "its variables are set",
        None => "no CI's variables are set, or --no-detect is set",
    };
    ContextRow {
        name: "ci",
        key: "vendor",
        value: vendor.map(|vendor| vendor.name().to_owned()),
        source_or_reason: source.into(),
    }
}

fn fork_row(context: &RequestContext) -> ContextRow {
    let (value, source_or_reason) = match &context.fork {
        Fork::No => (Some("no"), "no pull request from a fork, as far as this CI says".into()),
        Fork::Yes(source) => (Some("yes"), source.clone().into()),
        Fork::Unknown(why) | Fork::NoBuild(why) => (None, Cow::Borrowed(*why)),
    };
    ContextRow { name: "fork", key: "fork", value: value.map(str::to_owned), source_or_reason }
}

/// Broken between words; a word that is too long has a line of its own.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_source_is_wrapped_below_its_value() {
        let row = ContextRow {
            name: "ref",
            key: "ref",
            value: Some("refs/heads/main".to_owned()),
            source_or_reason: "GITHUB_REF".into(),
        };
        assert_eq!(row.text(None), "ref      refs/heads/main  (GITHUB_REF)");
        assert_eq!(row.text(Some(60)), "ref      refs/heads/main  (GITHUB_REF)");
        let long = ContextRow {
            source_or_reason: "no branch is known, as the git checkout here is detached".into(),
            value: None,
            ..row
        };
        assert_eq!(
            long.text(Some(40)),
            "ref      -\n         (no branch is known, as the git\n         checkout here is detached)"
        );
    }
}
