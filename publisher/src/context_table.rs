use std::borrow::Cow;

use serde::Serialize;

use crate::ci::Fork;
use crate::found::Sought;
use crate::{Context, Vendor};

/// The name's column.
const NAME_WIDTH: usize = 9;
/// Narrower than this nothing can be read.
const NARROWEST: usize = 40;

/// What was found and where, for `--show-context`.
pub(crate) struct ContextTable {
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    /// Its name in JSON.
    key: &'static str,
    value: Option<String>,
    /// Where the value came from, or why there is none.
    about: Cow<'static, str>,
}

/// One value in JSON. Its fields are a promise: they stay, and others may join them.
#[derive(Serialize)]
struct Value<'a> {
    value: Option<&'a str>,
    from: Option<&'a str>,
    missing: Option<&'a str>,
}

impl ContextTable {
    pub(crate) fn of(context: &Context) -> Self {
        let project = row("project", "project", &context.project, |project| project.to_string());
        let git_ref = row("ref", "ref", &context.git_ref, doorbell_messages::GitRef::full);
        let commit = row("commit", "commit", &context.commit, |commit| commit.to_string());
        let id = row("id", "id", &context.id, |id| id.to_string());
        let build = row("build", "buildUrl", &context.build_url, |url| crate::failure::one_line(url.as_str()));
        let topic = row("topic", "topicArn", &context.topic, |topic| topic.to_string());
        let role = row("role", "roleArn", &context.role, |role| role.to_string());
        Self {
            rows: vec![vendor_row(context.vendor), project, git_ref, commit, fork_row(context), id, build, topic, role],
        }
    }

    /// One value a line, its place behind it; or below it, where a screen of this width has no room for both.
    pub(crate) fn text(&self, width: Option<usize>) -> String {
        self.rows.iter().map(|row| row.text(width.map(|width| width.max(NARROWEST)))).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let values = self.rows.iter().map(|row| {
            let found = row.value.is_some();
            let about = Some(row.about.as_ref()).filter(|text| !text.is_empty());
            let value =
                Value { value: row.value.as_deref(), from: about.filter(|_| found), missing: about.filter(|_| !found) };
            (row.key.to_owned(), serde_json::json!(value))
        });
        values.collect::<serde_json::Map<_, _>>().into()
    }
}

impl Row {
    fn text(&self, width: Option<usize>) -> String {
        let value = self.value.as_deref().unwrap_or("-");
        let line = format!("{:<NAME_WIDTH$}{value}", self.name);
        let whole = format!("{line}  ({})", self.about);
        match width {
            Some(width) if whole.len() > width => {
                let about = wrapped(&format!("({})", self.about), width - NAME_WIDTH);
                let indent = format!("\n{:NAME_WIDTH$}", "");
                format!("{line}{indent}{}", about.join(&indent))
            }
            _ => whole,
        }
    }
}

fn row<T>(name: &'static str, key: &'static str, sought: &Sought<T>, show: impl Fn(&T) -> String) -> Row {
    match sought {
        Sought::Found { value, place } => Row { name, key, value: Some(show(value)), about: place.clone() },
        Sought::Missing { why } => Row { name, key, value: None, about: why.clone().into() },
    }
}

fn vendor_row(vendor: Option<Vendor>) -> Row {
    let about = match vendor {
        Some(_) => "its variables are set",
        None => "no CI's variables are set, or they are not looked at",
    };
    Row { name: "ci", key: "vendor", value: vendor.map(|vendor| vendor.name().to_owned()), about: about.into() }
}

fn fork_row(context: &Context) -> Row {
    let (value, about) = match &context.fork {
        Fork::No => (Some("no"), "no pull request from a fork, as far as this CI says".into()),
        Fork::Yes(place) => (Some("yes"), place.clone().into()),
        Fork::Unknown(why) => (None, Cow::Borrowed(*why)),
    };
    Row { name: "fork", key: "fork", value: value.map(str::to_owned), about }
}

/// Broken between words; a word that is too long has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
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
    fn a_place_that_does_not_fit_beside_its_value_stands_below_it() {
        let row =
            Row { name: "ref", key: "ref", value: Some("refs/heads/main".to_owned()), about: "GITHUB_REF".into() };
        assert_eq!(row.text(None), "ref      refs/heads/main  (GITHUB_REF)");
        assert_eq!(row.text(Some(60)), "ref      refs/heads/main  (GITHUB_REF)");
        let long = Row { about: "no branch is known, as the git checkout here is detached".into(), value: None, ..row };
        assert_eq!(
            long.text(Some(40)),
            "ref      -\n         (no branch is known, as the git\n         checkout here is detached)"
        );
    }
}
