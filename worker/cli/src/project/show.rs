use doorbell_messages::text::escape_json;
use doorbell_registry::{ParsedDocument, ProjectDocument};
use serde::Serialize;
use serde_json::Value;

use crate::error::{CliError, CommandOutcome};
use crate::printer::{Line, Printer, bold, dim};
use crate::project::no_such_project;
use crate::registry::{DEFAULT_DOCUMENT, RegistryEntry, SsmRegistry};

/// Placeholder of a redacted credential.
const CREDENTIAL_PLACEHOLDER: &str = "(hidden)";

/// The keys of iwomp-in-aws that hold a credential in the document itself.
pub(super) const CREDENTIAL_KEYS: [&str; 3] = ["authToken", "basicUsername", "basicPassword"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProjectShowOutput {
    project: String,
    parameter: String,
    version: i64,
    /// The registered document, credentials redacted.
    document: Value,
    /// The document merged with `_default`; none if that is invalid, or for `_default` itself.
    effective: Option<ProjectDocument>,
    error: Option<String>,
    warnings: Vec<String>,
}

/// Shows a project's document.
///
/// # Errors
/// There is no such project, or the registry cannot be read.
pub(crate) async fn show(registry: &SsmRegistry, name: &str, printer: Printer) -> Result<CommandOutcome, CliError> {
    let parameter = registry.parameter(name);
    let entry = registry.get(name).await?.ok_or_else(|| no_such_project(name, &parameter))?;
    let default = if name == DEFAULT_DOCUMENT { None } else { registry.get(DEFAULT_DOCUMENT).await? };
    let read = (name != DEFAULT_DOCUMENT).then(|| read(&entry, default.as_ref()));
    let (effective, error, warnings) = match read {
        None => (None, None, Vec::new()),
        Some(Ok(read)) => (Some(read.document), None, read.warnings),
        Some(Err(error)) => (None, Some(error), Vec::new()),
    };
    let document = redact_credentials(&entry.text);
    let output = ProjectShowOutput {
        project: name.to_owned(),
        parameter,
        version: entry.version,
        document,
        effective,
        error,
        warnings,
    };
    printer.print_result(&output, || format_document(&output, default.is_some(), printer))?;
    Ok(if output.error.is_some() { CommandOutcome::Failed } else { CommandOutcome::Done })
}

fn read(entry: &RegistryEntry, default: Option<&RegistryEntry>) -> Result<ParsedDocument, String> {
    ProjectDocument::parse(default.map(|default| default.text.as_str()), &entry.text).map_err(|error| error.to_string())
}

fn format_document(output: &ProjectShowOutput, has_default: bool, printer: Printer) -> Vec<Line> {
    let mut lines = vec![bold(&output.parameter).then(" ").then(dim(&format!("version {}", output.version)))];
    lines.extend(pretty(&output.document).lines().map(Line::from));
    if let Some(effective) = output.effective.as_ref().filter(|_| has_default) {
        lines.push(Line::default());
        lines.push(bold("effective, with _default below it"));
        let value = serde_json::to_value(effective).unwrap_or_default();
        lines.extend(pretty(&value).lines().map(Line::from));
    }
    for (kind, text) in
        output.error.iter().map(|text| ("error", text)).chain(output.warnings.iter().map(|text| ("warning", text)))
    {
        lines.extend(printer.wrap_text(format!("{kind}: {text}"), 2));
    }
    lines
}

/// Redacts the credentials of a document. Text that is not a JSON object is redacted whole.
pub(crate) fn redact_credentials(text: &str) -> Value {
    let Ok(Value::Object(mut document)) = serde_json::from_str(text) else { return CREDENTIAL_PLACEHOLDER.into() };
    for key in CREDENTIAL_KEYS {
        if let Some(value) = document.get_mut(key).filter(|value| value.as_str() != Some("")) {
            *value = CREDENTIAL_PLACEHOLDER.into();
        }
    }
    // The worker rejects userinfo in a URL, but it may be a credential.
    if let Some(url) = document.get_mut("gitUrl") {
        let shown = url.as_str().and_then(|text| text.split_once("://")?.1.split_once('@'));
        if let Some((_, host)) = shown {
            *url = format!("{CREDENTIAL_PLACEHOLDER}@{host}").into();
        }
    }
    if let Some(credentials) = document.get_mut("gitCredentials").filter(|value| !value.is_object()) {
        *credentials = CREDENTIAL_PLACEHOLDER.into();
    }
    Value::Object(document)
}

/// Whether a document contains the placeholder, as a copy of what `show` prints does.
pub(super) fn contains_placeholder(text: &str) -> bool {
    let Ok(Value::Object(document)) = serde_json::from_str(text) else { return text.trim() == CREDENTIAL_PLACEHOLDER };
    let keys = CREDENTIAL_KEYS.into_iter().chain(["gitUrl", "gitCredentials"]);
    keys.filter_map(|key| document.get(key)?.as_str()).any(|value| value.contains(CREDENTIAL_PLACEHOLDER))
}

pub(super) fn pretty(value: &Value) -> String {
    // Serializing JSON cannot fail.
    escape_json(&serde_json::to_string_pretty(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redacted_document_is_recognized() {
        for shown in [r#"{"authToken":"x"}"#, r#"{"gitUrl":"https://me:x@host/x.git"}"#, r#"{"gitCredentials":"x"}"#] {
            assert!(!contains_placeholder(shown), "{shown}");
            assert!(contains_placeholder(&redact_credentials(shown).to_string()), "{shown}");
        }
        assert!(!contains_placeholder(r#"{"command":"(hidden)"}"#));
    }

    #[test]
    fn project_show_redacts_credentials_in_every_key() {
        for document in [
            r#"{"authToken":"canary"}"#,
            r#"{"basicPassword":"canary","basicUsername":"canary"}"#,
            r#"{"gitUrl":"https://me:canary@host/x.git"}"#,
            r#"{"gitCredentials":"canary"}"#,
            r#"{"authToken":"canary""#,
            r#"["canary"]"#,
        ] {
            let shown = redact_credentials(document).to_string();
            assert!(shown.contains(CREDENTIAL_PLACEHOLDER) && !shown.contains("canary"), "{shown}");
        }
    }
}
