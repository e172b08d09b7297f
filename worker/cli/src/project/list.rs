use clap::builder::styling::{AnsiColor, Style};
use doorbell_registry::{BuildProjectName, ProjectDocument};
use serde::Serialize;

use crate::error::{CliError, CommandOutcome};
use crate::printer::{Columns, Line, Printer};
use crate::project::{Findings, lint};
use crate::registry::{DEFAULT_DOCUMENT, SsmRegistry};

#[derive(Serialize)]
struct ProjectListOutput {
    projects: Vec<ProjectView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProjectView {
    project: String,
    version: i64,
    bytes: usize,
    git_url: Option<String>,
    refs: Vec<String>,
    #[serde(flatten)]
    findings: Findings,
}

/// Lists all registered documents.
///
/// # Errors
/// The registry cannot be read.
pub(crate) async fn list(
    registry: &SsmRegistry,
    fallback: Option<&BuildProjectName>,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let entries = registry.list().await?;
    let default = entries.iter().find(|entry| entry.name == DEFAULT_DOCUMENT).map(|entry| entry.text.clone());
    let view = |entry: &crate::registry::RegistryEntry| {
        let document = ProjectDocument::parse(default.as_deref(), &entry.text).ok().map(|read| read.document);
        let refs = document.as_ref().and_then(|document| document.refs.clone()).unwrap_or_default();
        ProjectView {
            project: entry.name.clone(),
            version: entry.version,
            bytes: entry.text.len(),
            git_url: document.as_ref().map(|document| document.git_url.to_string()),
            refs: refs.iter().map(ToString::to_string).collect(),
            findings: lint(&entry.name, &entry.text, default.as_deref(), fallback),
        }
    };
    let output = ProjectListOutput { projects: entries.iter().map(view).collect() };
    printer.print_result(&output, || {
        if output.projects.is_empty() { Vec::new() } else { table(&output, printer.width()) }
    })?;
    if output.projects.is_empty() {
        printer.note("no project is registered; `doorbell project put NAME FILE` registers one");
    }
    Ok(CommandOutcome::Done)
}

fn table(output: &ProjectListOutput, width: Option<usize>) -> Vec<Line> {
    let mut columns = Columns::new(&["STATE", "PROJECT", "REPOSITORY, OR WHAT IS WRONG"]);
    for project in &output.projects {
        let Findings { errors, warnings, .. } = &project.findings;
        let (state, color) = match (errors.is_empty(), warnings.is_empty()) {
            (true, true) => ("ok", AnsiColor::Green),
            (true, false) => ("warning", AnsiColor::Yellow),
            (false, _) => ("error", AnsiColor::Red),
        };
        let text = errors.iter().chain(warnings).next().or(project.git_url.as_ref()).cloned().unwrap_or_default();
        columns.row(vec![
            (color.on_default(), state.to_owned()),
            (Style::new(), project.project.clone()),
            (Style::new(), text),
        ]);
    }
    columns.lines(width)
}
