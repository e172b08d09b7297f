use doorbell_engine::domain::{Policy, RegistryDocuments};
use doorbell_registry::{BuildProjectName, ProjectDocument};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::{CliError, CommandOutcome};
use crate::printer::{Line, Printer, bold};
use crate::project::show::contains_placeholder;
use crate::project::{LintArguments, find_shared, read_file};
use crate::registry::{DEFAULT_DOCUMENT, MAX_ADVANCED_BYTES, MAX_STANDARD_BYTES, RegistryEntry, SsmRegistry};

/// Errors and warnings of a document.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Findings {
    pub(crate) errors: Vec<String>,
    pub(crate) warnings: Vec<String>,
    /// Facts that need no action.
    pub(crate) notes: Vec<String>,
}

/// Where the settings of a pinned document take effect.
pub(crate) const PINNED_NOTE: &str = "command, repository, refs, variables and git secret come from Terraform: they also \
     stand in the build project, and builds follow the stricter of both";

#[derive(Serialize)]
struct LintOutput {
    documents: Vec<LintedDocumentView>,
}

#[derive(Serialize)]
struct LintedDocumentView {
    document: String,
    #[serde(flatten)]
    findings: Findings,
}

/// `project lint`.
///
/// # Errors
/// A file or the registry cannot be read.
pub(crate) async fn lint_command(
    arguments: &LintArguments,
    registry: Option<&SsmRegistry>,
    fallback: Option<&BuildProjectName>,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let documents = match registry {
        Some(registry) => lint_registered(&registry.list().await?, fallback),
        None => lint_files(arguments, fallback)?,
    };
    let is_valid = documents.iter().all(|document| document.findings.errors.is_empty());
    let output = LintOutput { documents };
    printer
        .print_result(&output, || output.documents.iter().flat_map(|one| format_findings(one, printer)).collect())?;
    Ok(if is_valid { CommandOutcome::Done } else { CommandOutcome::Failed })
}

fn lint_registered(entries: &[RegistryEntry], fallback: Option<&BuildProjectName>) -> Vec<LintedDocumentView> {
    let default = entries.iter().find(|entry| entry.name == DEFAULT_DOCUMENT).map(|entry| entry.text.as_str());
    let one = |entry: &RegistryEntry| LintedDocumentView {
        document: entry.name.clone(),
        findings: lint(&entry.name, &entry.text, default, fallback),
    };
    let mut documents: Vec<LintedDocumentView> = entries.iter().map(one).collect();
    let projects = entries.iter().filter(|entry| entry.name != DEFAULT_DOCUMENT);
    add_shared_credentials(&mut documents, default, projects.map(|entry| (entry.name.as_str(), entry.text.as_str())));
    documents
}

/// Warns at each document whose git credential serves other projects, too.
fn add_shared_credentials<'a>(
    documents: &mut [LintedDocumentView],
    default: Option<&str>,
    projects: impl IntoIterator<Item = (&'a str, &'a str)>,
) {
    for shared in find_shared(default, projects) {
        let users = documents.iter_mut().filter(|document| shared.projects.contains(&document.document));
        users.for_each(|document| document.findings.warnings.push(shared.warning()));
    }
}

fn lint_files(
    arguments: &LintArguments,
    fallback: Option<&BuildProjectName>,
) -> Result<Vec<LintedDocumentView>, CliError> {
    let default = arguments.default.as_deref().map(read_file).transpose()?;
    let (mut documents, mut projects) = (Vec::new(), Vec::new());
    for file in &arguments.files {
        let text = read_file(file)?;
        let is_default = file.ends_with("_default.json");
        let name = if is_default { DEFAULT_DOCUMENT } else { "project" };
        let findings = lint(name, &text, default.as_deref(), fallback);
        documents.push(LintedDocumentView { document: file.clone(), findings });
        projects.extend((!is_default).then_some((file.as_str(), text)));
    }
    let projects = projects.iter().map(|(file, text)| (*file, text.as_str()));
    add_shared_credentials(&mut documents, default.as_deref(), projects);
    Ok(documents)
}

fn format_findings(view: &LintedDocumentView, printer: Printer) -> Vec<Line> {
    let Findings { errors, warnings, notes } = &view.findings;
    let valid = (errors.is_empty() && warnings.is_empty()).then(|| bold(&view.document).then(": valid"));
    let errors = errors.iter().map(|text| ("error", text));
    let warnings = warnings.iter().map(|text| ("warning", text));
    let notes = notes.iter().map(|text| ("note", text));
    let all = errors.chain(warnings).chain(notes);
    let lines = all.map(|(kind, text)| bold(&view.document).then(format!(": {kind}: {text}")));
    valid.into_iter().chain(lines.flat_map(|line| printer.wrap_text(line, 2))).collect()
}

/// Parses a document as the worker does. The missing keys of `_default` are filled in first.
pub(crate) fn lint(name: &str, text: &str, default: Option<&str>, fallback: Option<&BuildProjectName>) -> Findings {
    let mut findings = Findings::default();
    let filler = (name == DEFAULT_DOCUMENT).then(|| filler(text));
    let (project, default) = match &filler {
        Some(filler) => (filler.as_str(), Some(text)),
        None => (text, default),
    };
    let documents = RegistryDocuments {
        project: (name.to_owned(), project.to_owned()),
        default: default.map(|text| (DEFAULT_DOCUMENT.to_owned(), text.to_owned())),
    };
    match Policy::read(&documents, fallback) {
        Ok(policy) => {
            findings.warnings = policy.warnings.clone();
            findings.notes.extend(policy.document.pinned.then(|| PINNED_NOTE.to_owned()));
            if name != DEFAULT_DOCUMENT {
                missing_build_project(&policy.document, fallback, &mut findings);
            } else {
                // Each project decides whether any branch may be built.
                findings.warnings.retain(|warning| !warning.starts_with("neither refs"));
            }
        }
        Err(error) => findings.errors.push(error.to_string()),
    }
    if contains_placeholder(text) {
        findings.errors.push(
            "\"(hidden)\" in place of a credential: this is the output of `doorbell project show`, not the document"
                .to_owned(),
        );
    }
    if let Some(problem) = size_problem(text.len()) {
        let list = if text.len() > MAX_ADVANCED_BYTES { &mut findings.errors } else { &mut findings.warnings };
        list.push(problem);
    }
    findings
}

fn missing_build_project(document: &ProjectDocument, fallback: Option<&BuildProjectName>, findings: &mut Findings) {
    if document.build_project.is_none() && fallback.is_none() {
        findings.warnings.push(
            "it names no buildProject; every request is rejected unless the worker has --default-build-project"
                .to_owned(),
        );
    }
}

/// The size as an error or warning, by SSM's limits.
fn size_problem(bytes: usize) -> Option<String> {
    if bytes <= MAX_STANDARD_BYTES {
        return None;
    }
    let advice = "move keys that several projects share to _default, or list fewer refs by a pattern (heads/release-*)";
    Some(if bytes > MAX_ADVANCED_BYTES {
        format!("it has {bytes} bytes, but no SSM parameter takes more than {MAX_ADVANCED_BYTES}; {advice}")
    } else {
        format!(
            "it has {bytes} bytes, but a standard SSM parameter takes {MAX_STANDARD_BYTES}. An advanced one takes \
             {MAX_ADVANCED_BYTES}, is charged by the month, and never becomes standard again; {advice}"
        )
    })
}

/// A project document with the required keys that this `_default` lacks.
fn filler(default: &str) -> String {
    let has: Map<String, Value> = serde_json::from_str(default).unwrap_or_default();
    let mut filler = json!({ "gitUrl": "https://example.org/repository.git", "command": "./command" });
    if let Some(filler) = filler.as_object_mut() {
        filler.retain(|key, _| has.get(key).is_none_or(Value::is_null));
    }
    filler.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, document: &Value, errors: &[&str], warnings: &[&str]) {
        let findings = lint(name, &document.to_string(), None, None);
        for (found, wanted) in [(&findings.errors, errors), (&findings.warnings, warnings)] {
            assert_eq!(found.len(), wanted.len(), "{findings:?}");
            for (found, wanted) in found.iter().zip(wanted) {
                assert!(found.contains(wanted), "{found} does not contain {wanted}");
            }
        }
    }

    fn valid_document() -> Value {
        json!({ "gitUrl": "https://git.example.org/a.git", "command": "./a", "refs": ["heads/*"], "buildProject": "ab" })
    }

    fn with(key: &str, value: Value) -> Value {
        let mut document = valid_document();
        document[key] = value;
        document
    }

    #[test]
    fn lint_matches_worker_document_parsing() {
        check("demo", &valid_document(), &[], &[]);
        check("demo", &with("gitUrl", json!("http://me:secret@host/")), &["gitUrl"], &[]);
        check("demo", &with("buildProjet", json!("x")), &[], &["is \"buildProject\" meant?"]);
        check("demo", &with("buildProject", Value::Null), &[], &["names no buildProject"]);
        check("demo", &json!({}), &["gitUrl"], &[]);
    }

    #[test]
    fn lint_of_default_document_allows_missing_keys_only() {
        check(DEFAULT_DOCUMENT, &json!({ "buildProject": "ab" }), &[], &[]);
        check(DEFAULT_DOCUMENT, &json!({ "timeoutMinutes": 1 }), &["timeoutMinutes"], &[]);
        check(DEFAULT_DOCUMENT, &json!({ "gitUrl": 5 }), &["gitUrl"], &[]);
    }

    #[test]
    fn lint_reports_documents_over_ssm_size_limits() {
        let refs = |count: usize| with("refs", json!(vec!["heads/a-long-name-of-a-branch"; count]));
        check("demo", &refs(150), &[], &["a standard SSM parameter takes 4096"]);
        check("demo", &refs(300), &["no SSM parameter takes more than 8192"], &[]);
    }
}
