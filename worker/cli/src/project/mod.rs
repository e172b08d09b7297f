//! `doorbell project`: the owner's registry.

mod lint;
mod list;
mod put;
mod show;

use clap::{Args, Subcommand};

pub(crate) use lint::{Findings, lint, lint_command};
pub(crate) use list::list;
pub(crate) use put::{put, remove};
pub(crate) use show::{redact_credentials, show};

use crate::error::CliError;
use crate::registry::DEFAULT_NAME;

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectCommand {
    /// All registered projects, and whether their documents are sound
    #[command(after_help = "Examples:\n  doorbell project list\n  doorbell project list --output json")]
    List,
    /// A project's document, and what it comes to with _default below it; credentials are hidden
    #[command(after_help = "Examples:\n  doorbell project show demo\n  doorbell project show _default")]
    Show(NameArguments),
    /// Check documents as the worker reads them: files, or all that are registered
    #[command(after_help = "Files are checked without AWS; their _default is the one named by --default, if any.\n\n\
                            Examples:\n  doorbell project lint\n  doorbell project lint demo.json\n  doorbell project \
                            lint demo.json --default _default.json")]
    Lint(LintArguments),
    /// Register a project, or change it; without --yes, show the difference
    #[command(after_help = "Examples:\n  doorbell project put demo demo.json\n  doorbell project put demo demo.json \
                            --yes")]
    Put(PutArguments),
    /// Take a project out of the registry; without --yes, show what would go
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
    /// Files; `-` is standard input. Without any, all registered documents
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// The file that is _default to them
    #[arg(long, value_name = "FILE", requires = "files")]
    pub(crate) default: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PutArguments {
    /// The project, or _default
    #[arg(value_name = "PROJECT", value_parser = document_name)]
    pub(crate) name: String,
    /// The document; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// Write it as an advanced parameter (up to 8 KB, charged by the month, for good) if it has more than 4 KB
    #[arg(long)]
    pub(crate) advanced: bool,
    /// Do it
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// The project, or _default
    #[arg(value_name = "PROJECT", value_parser = document_name)]
    pub(crate) name: String,
    /// Do it
    #[arg(long)]
    pub(crate) yes: bool,
}

fn document_name(text: &str) -> Result<String, String> {
    if text == DEFAULT_NAME {
        return Ok(text.to_owned());
    }
    text.parse::<doorbell_messages::ProjectName>().map(String::from)
}

/// The text of a file, or of standard input.
///
/// # Errors
/// It can't be read.
pub(crate) fn read_file(path: &str) -> Result<String, CliError> {
    let text = if path == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(path) };
    text.map_err(|error| CliError::missing(format!("{path} can't be read: {error}"), "is it the right file?"))
}

fn no_such_project(name: &str, parameter: &str) -> CliError {
    CliError::missing(
        format!("there is no {name}: SSM has no parameter {parameter}"),
        "`doorbell project list` shows all; is --registry-prefix right?",
    )
}
