//! `doorbell project`: lists, shows, checks and changes the registry's documents.

mod lint;
mod list;
mod put;
mod shared_credential;
mod show;

use std::io::Read;

use clap::{Args, Subcommand};

pub(crate) use lint::{Findings, PINNED_NOTE, lint, lint_command};
pub(crate) use list::list;
pub(crate) use put::{put, remove};
pub(crate) use shared_credential::find_shared;
pub(crate) use show::{redact_credentials, show};

use crate::error::CliError;
use crate::registry::DEFAULT_DOCUMENT;

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectCommand {
    /// List all registered projects, and whether their documents are valid
    #[command(after_help = "Examples:\n  doorbell project list\n  doorbell project list --output json")]
    List,
    /// Show a project's document, also merged with _default; credentials are redacted
    #[command(after_help = "Examples:\n  doorbell project show demo\n  doorbell project show _default")]
    Show(NameArguments),
    /// Check documents as the worker parses them: files, or all registered documents
    #[command(after_help = "Files are checked without AWS; --default names their _default.\n\n\
                            Examples:\n  doorbell project lint\n  doorbell project lint demo.json\n  doorbell project \
                            lint demo.json --default _default.json")]
    Lint(LintArguments),
    /// Register or change a project; without --yes, show the difference
    #[command(after_help = "Examples:\n  doorbell project put demo demo.json\n  doorbell project put demo demo.json \
                            --yes")]
    Put(PutArguments),
    /// Remove a project from the registry; without --yes, show its document
    #[command(after_help = "Examples:\n  doorbell project remove demo\n  doorbell project remove demo --yes")]
    Remove(RemoveArguments),
}

#[derive(Debug, Args)]
pub(crate) struct NameArguments {
    /// The project, or _default
    #[arg(value_name = "PROJECT", value_parser = document_name)]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct LintArguments {
    /// Files, `-` for standard input; without files, all registered documents
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// File with the _default document
    #[arg(long, value_name = "FILE", requires = "files")]
    pub(crate) default: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PutArguments {
    /// The project, or _default
    #[arg(value_name = "PROJECT", value_parser = document_name)]
    pub(crate) name: String,
    /// File with the document, `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// Write a document of more than 4 KB as an advanced parameter (up to 8 KB, charged by the month, never standard again)
    #[arg(long)]
    pub(crate) advanced: bool,
    /// Replace a document that Terraform writes ("pinned"); the next apply undoes it
    #[arg(long)]
    pub(crate) force: bool,
    /// Apply the change
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// The project, or _default
    #[arg(value_name = "PROJECT", value_parser = document_name)]
    pub(crate) name: String,
    /// Remove a document that Terraform writes ("pinned"); the next apply writes it again
    #[arg(long)]
    pub(crate) force: bool,
    /// Apply the change
    #[arg(long)]
    pub(crate) yes: bool,
}

fn document_name(text: &str) -> Result<String, String> {
    if text == DEFAULT_DOCUMENT {
        return Ok(text.to_owned());
    }
    text.parse::<doorbell_messages::ProjectName>().map(String::from)
}

/// Reads a file or standard input.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub(crate) fn read_file(path: &str) -> Result<String, CliError> {
    let (name, read) = match path {
        "-" => ("standard input", std::io::stdin().lock().bytes().collect()),
        path => (path, std::fs::read(path)),
    };
    let bytes = read.map_err(|error| CliError::missing(format!("{name} cannot be read: {error}"), "check the path"))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        CliError::missing(format!("{name} is not UTF-8 text: its byte {at} is wrong"), "save the text as UTF-8")
    })
}

fn no_such_project(name: &str, parameter: &str) -> CliError {
    CliError::missing(
        format!("no project {name}: SSM has no parameter {parameter}"),
        "`doorbell project list` shows all; check --registry-prefix",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_is_no_utf8_is_named_with_its_first_wrong_byte() {
        let path = std::env::temp_dir().join(format!("doorbell-lint-{}.json", std::process::id()));
        std::fs::write(&path, b"{\xff}").unwrap();
        let error = read_file(path.to_str().unwrap()).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert!(error.message.ends_with("is not UTF-8 text: its byte 1 is wrong"), "{error:?}");
    }
}
