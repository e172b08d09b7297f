use doorbell_messages::{ProjectDocument, ReadDocument};
use serde::Serialize;
use serde_json::Value;

use crate::failure::{Failure, Outcome};
use crate::project::no_such_project;
use crate::registry::{DEFAULT, Entry, Registry};
use crate::screen::{Screen, bold, dim};

/// What stands in place of a credential.
const HIDDEN: &str = "(hidden)";

/// The keys of iwomp-in-aws that hold a credential in the document itself.
const CREDENTIALS: [&str; 3] = ["authToken", "basicUsername", "basicPassword"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    project: String,
    parameter: String,
    version: i64,
    /// As it is registered, credentials hidden.
    document: Value,
    /// What it comes to with `_default` below it; none where that is wrong, or for `_default` itself.
    in_force: Option<ProjectDocument>,
    error: Option<String>,
    warnings: Vec<String>,
}

/// A project's document.
///
/// # Errors
/// There is none, or the registry can't be read.
pub(crate) async fn show(registry: &Registry, name: &str, screen: Screen) -> Result<Outcome, Failure> {
    let parameter = registry.parameter(name);
    let entry = registry.one(name).await?.ok_or_else(|| no_such_project(name, &parameter))?;
    let default = if name == DEFAULT { None } else { registry.one(DEFAULT).await? };
    let read = (name != DEFAULT).then(|| read(&entry, default.as_ref()));
    let (in_force, error, warnings) = match read {
        None => (None, None, Vec::new()),
        Some(Ok(read)) => (Some(read.document), None, read.warnings),
        Some(Err(error)) => (None, Some(error), Vec::new()),
    };
    let document = hide(&entry.text);
    let shown =
        Shown { project: name.to_owned(), parameter, version: entry.version, document, in_force, error, warnings };
    screen.result(&shown, || lines(&shown, default.is_some(), screen))?;
    Ok(if shown.error.is_some() { Outcome::Failed } else { Outcome::Done })
}

fn read(entry: &Entry, default: Option<&Entry>) -> Result<ReadDocument, String> {
    ProjectDocument::read(default.map(|default| default.text.as_str()), &entry.text).map_err(|error| error.to_string())
}

fn lines(shown: &Shown, has_default: bool, screen: Screen) -> Vec<String> {
    let mut lines = vec![format!("{} {}", bold(&shown.parameter), dim(&format!("version {}", shown.version)))];
    lines.extend(pretty(&shown.document).lines().map(str::to_owned));
    if let Some(in_force) = shown.in_force.as_ref().filter(|_| has_default) {
        lines.push(String::new());
        lines.push(bold("in force, with _default below it"));
        let value = serde_json::to_value(in_force).unwrap_or_default();
        lines.extend(pretty(&value).lines().map(str::to_owned));
    }
    for (kind, text) in
        shown.error.iter().map(|text| ("error", text)).chain(shown.warnings.iter().map(|text| ("warning", text)))
    {
        lines.extend(screen.wrapped(&format!("{kind}: {text}"), 2));
    }
    lines
}

/// A document without its credentials. Text that is no JSON object is hidden whole: a credential may be anywhere in it.
pub(crate) fn hide(text: &str) -> Value {
    let Ok(Value::Object(mut document)) = serde_json::from_str(text) else { return HIDDEN.into() };
    for key in CREDENTIALS {
        if let Some(value) = document.get_mut(key).filter(|value| value.as_str() != Some("")) {
            *value = HIDDEN.into();
        }
    }
    // Userinfo in an address is refused by the worker, and may be a credential all the same.
    if let Some(url) = document.get_mut("gitUrl") {
        let shown = url.as_str().and_then(|text| text.split_once("://")?.1.split_once('@'));
        if let Some((_, host)) = shown {
            *url = format!("{HIDDEN}@{host}").into();
        }
    }
    if let Some(credentials) = document.get_mut("gitCredentials").filter(|value| !value.is_object()) {
        *credentials = HIDDEN.into();
    }
    Value::Object(document)
}

/// Whether a document was taken from what is shown: registered, it would put `(hidden)` in a credential's place.
pub(super) fn was_hidden(text: &str) -> bool {
    let Ok(Value::Object(document)) = serde_json::from_str(text) else { return text.trim() == HIDDEN };
    let keys = CREDENTIALS.into_iter().chain(["gitUrl", "gitCredentials"]);
    keys.filter_map(|key| document.get(key)?.as_str()).any(|value| value.contains(HIDDEN))
}

pub(super) fn pretty(value: &Value) -> String {
    // Writing JSON can't fail.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_is_known_again_and_nothing_else_is() {
        for shown in [r#"{"authToken":"x"}"#, r#"{"gitUrl":"https://me:x@host/x.git"}"#, r#"{"gitCredentials":"x"}"#] {
            assert!(!was_hidden(shown), "{shown}");
            assert!(was_hidden(&hide(shown).to_string()), "{shown}");
        }
        assert!(!was_hidden(r#"{"command":"(hidden)"}"#));
    }

    #[test]
    fn no_credential_is_shown_wherever_it_stands() {
        for document in [
            r#"{"authToken":"canary"}"#,
            r#"{"basicPassword":"canary","basicUsername":"canary"}"#,
            r#"{"gitUrl":"https://me:canary@host/x.git"}"#,
            r#"{"gitCredentials":"canary"}"#,
            r#"{"authToken":"canary""#,
            r#"["canary"]"#,
        ] {
            let shown = hide(document).to_string();
            assert!(shown.contains(HIDDEN) && !shown.contains("canary"), "{shown}");
        }
    }
}
