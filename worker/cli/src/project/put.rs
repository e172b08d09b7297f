use clap::builder::styling::{AnsiColor, Style};
use doorbell_registry::BuildProjectName;
use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use crate::error::{CliError, CommandOutcome};
use crate::printer::{Line, Printer};
use crate::project::show::pretty;
use crate::project::{Findings, PutArguments, RemoveArguments, lint, no_such_project, read_file, redact_credentials};
use crate::registry::{DEFAULT_DOCUMENT, MAX_STANDARD_BYTES, RegistryEntry, SsmRegistry};

/// Context lines around each change of a diff.
const CONTEXT_LINES: usize = 3;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PutOutput {
    project: String,
    parameter: String,
    /// Whether the change was applied; otherwise this is a preview.
    done: bool,
    /// Whether anything differs.
    changes: bool,
    /// A unified diff, credentials redacted.
    diff: Vec<String>,
    #[serde(flatten)]
    findings: Findings,
}

/// Registers a project, or changes it.
///
/// # Errors
/// The file or the registry cannot be read, or the write failed.
pub(crate) async fn put(
    registry: &SsmRegistry,
    arguments: &PutArguments,
    fallback: Option<&BuildProjectName>,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let name = &arguments.name;
    let text = read_file(&arguments.file)?.trim().to_owned();
    let before = registry.get(name).await?;
    let default = if name == DEFAULT_DOCUMENT { None } else { registry.get(DEFAULT_DOCUMENT).await? };
    let mut findings = lint(name, &text, default.as_ref().map(|default| default.text.as_str()), fallback);
    if text.len() > MAX_STANDARD_BYTES && !arguments.advanced {
        // The last warning is about the size.
        findings.errors.extend(
            findings.warnings.pop().map(|size| format!("{size}; --advanced writes it as an advanced parameter")),
        );
    }
    let documents = before.iter().map(|before| before.text.as_str()).chain([text.as_str()]);
    if !arguments.force && documents.into_iter().any(is_pinned) {
        findings.errors.push(PINNED_ERROR.to_owned());
    }
    let is_valid = findings.errors.is_empty();
    let changes = before.as_ref().is_none_or(|before| before.text != text);
    let done = arguments.yes && is_valid && changes;
    if done {
        registry.put(name, &text, before.as_ref(), text.len() > MAX_STANDARD_BYTES).await?;
    }
    let diff = diff_lines(before.as_ref().map(|before| before.text.as_str()).unwrap_or_default(), &text);
    print_change(registry, name, ChangeSummary { done, changes, diff, findings }, printer)?;
    if !is_valid {
        printer.next("fix the errors: nothing was written");
        return Ok(CommandOutcome::Failed);
    }
    match (changes, done) {
        (false, _) => printer.note("already registered, unchanged"),
        (true, true) => printer.note("registered; workers use it within 30 s"),
        (true, false) => printer.next("the same command with --yes writes it"),
    }
    Ok(CommandOutcome::Done)
}

/// Why a pinned document is not replaced.
const PINNED_ERROR: &str = "Terraform writes this document (\"pinned\"): its command, repository and git secret also stand in \
     the build project, which this command does not change. Change them in Terraform; --force writes the document \
     nevertheless, until the next apply";

/// Why a pinned document is not removed.
const PINNED_REMOVAL_ERROR: &str = "Terraform writes this document (\"pinned\"). Remove the project in Terraform; --force \
     removes the document nevertheless, until the next apply";

/// Whether a document says that Terraform's build project fixes what it builds. What cannot be parsed is an error elsewhere.
fn is_pinned(document: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(document).is_ok_and(|document| document["pinned"] == true)
}

/// Removes a project from the registry, unless Terraform writes its document: the next apply would write it again.
///
/// # Errors
/// There is no such project, or the SSM call failed.
pub(crate) async fn remove(
    registry: &SsmRegistry,
    arguments: &RemoveArguments,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let name = &arguments.name;
    let before: RegistryEntry =
        registry.get(name).await?.ok_or_else(|| no_such_project(name, &registry.parameter(name)))?;
    let mut findings = Findings::default();
    if !arguments.force && is_pinned(&before.text) {
        findings.errors.push(PINNED_REMOVAL_ERROR.to_owned());
    }
    let is_allowed = findings.errors.is_empty();
    let done = arguments.yes && is_allowed;
    if done {
        registry.remove(name).await?;
    }
    let diff = diff_lines(&before.text, "");
    print_change(registry, name, ChangeSummary { done, changes: true, diff, findings }, printer)?;
    if !is_allowed {
        printer.next("remove the project in Terraform: nothing was removed");
        return Ok(CommandOutcome::Failed);
    }
    if done {
        printer.note("removed; workers reject its requests within 30 s; running jobs continue");
    } else {
        printer.next("the same command with --yes removes it");
    }
    Ok(CommandOutcome::Done)
}

struct ChangeSummary {
    done: bool,
    changes: bool,
    diff: Vec<String>,
    findings: Findings,
}

fn print_change(registry: &SsmRegistry, name: &str, summary: ChangeSummary, printer: Printer) -> Result<(), CliError> {
    let ChangeSummary { done, changes, diff, findings } = summary;
    let output =
        PutOutput { project: name.to_owned(), parameter: registry.parameter(name), done, changes, diff, findings };
    printer.print_result(&output, || {
        let errors = output.findings.errors.iter().map(|text| format!("error: {text}"));
        let warnings = output.findings.warnings.iter().map(|text| format!("warning: {text}"));
        let notes = output.findings.notes.iter().map(|text| format!("note: {text}"));
        let findings_lines = errors.chain(warnings).chain(notes).flat_map(|line| printer.wrap_text(line, 2));
        output.diff.iter().map(|line| Line::styled(diff_style(line), line)).chain(findings_lines).collect()
    })
}

fn diff_style(line: &str) -> Style {
    match line.as_bytes().first() {
        Some(b'+') => AnsiColor::Green.on_default(),
        Some(b'-') => AnsiColor::Red.on_default(),
        Some(b'@') => AnsiColor::Cyan.on_default(),
        _ => Style::new(),
    }
}

/// Diff of the documents with redacted credentials; a changed credential is noted.
fn diff_lines(before: &str, after: &str) -> Vec<String> {
    let shown = |text: &str| if text.is_empty() { String::new() } else { pretty(&redact_credentials(text)) };
    let (old, new) = (shown(before), shown(after));
    if old == new {
        let notice = "  (only redacted credentials or white space differ)".to_owned();
        return if before == after { Vec::new() } else { vec![notice] };
    }
    let diff = TextDiff::from_lines(&old, &new);
    let groups = diff.grouped_ops(CONTEXT_LINES);
    let changes = groups.iter().flatten().flat_map(|op| diff.iter_changes(op));
    changes
        .map(|change| {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            format!("{sign} {}", change.value().trim_end_matches('\n'))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diff_shows_changed_lines_without_credentials() {
        assert_eq!(
            diff_lines(r#"{"command":"a","authToken":"one"}"#, r#"{"command":"b","authToken":"two"}"#),
            ["  {", "    \"authToken\": \"(hidden)\",", "-   \"command\": \"a\"", "+   \"command\": \"b\"", "  }"]
        );
        assert_eq!(diff_lines("{}", "{}"), Vec::<String>::new());
        let hidden = diff_lines(r#"{"authToken":"one"}"#, r#"{"authToken":"two"}"#);
        assert!(hidden[0].contains("redacted"), "{hidden:?}");
        assert_eq!(diff_lines("", "{}"), ["+ {}"]);
    }
}
