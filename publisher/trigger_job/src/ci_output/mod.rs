//! What a CI is told in its own way, once the request is published. None of it decides anything: what can't be told is
//! a note, not a failure.
mod buildkite;
mod dotenv;
mod github;

use std::io::Write;

use crate::TriggerArguments;
use crate::ci::Vendor;
use crate::context::HostEnvironment;
use doorbell_publisher::{Publication, PublishReceipt};

/// Tells the CI; what could not be told, and why, one line each.
pub fn write_ci_output(
    vendor: Option<Vendor>,
    arguments: &TriggerArguments,
    host: &HostEnvironment<'_>,
    publication: &Publication,
    receipt: &PublishReceipt,
) -> Vec<String> {
    let environment = host.env_vars();
    let mut problems = Vec::new();
    let dotenv = arguments.dotenv.clone().or_else(|| environment.get("DOORBELL_DOTENV"));
    problems.extend(dotenv.and_then(|path| dotenv::write(&path, publication, receipt).err()));
    match vendor {
        Some(vendor) if vendor.supports_github_commands() => {
            problems.extend(github::write_outputs(environment, publication, receipt).err());
            problems.extend(github::write_summary(environment, publication, receipt).err());
        }
        Some(Vendor::Buildkite) => problems.extend(buildkite::annotate(publication, receipt).err()),
        _ => {}
    }
    problems
}

/// What a step's file gets at its end, whole or not at all as far as one write can promise.
fn append(path: &str, text: &str) -> Result<(), String> {
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| format!("{} can't be written: {error}", doorbell_messages::text::printable_line(path)))
}

/// A table for people, in Markdown. Names and commits have no character that Markdown takes for its own, but `_`, `*`
/// and `|` may stand in a branch: inside of backquotes only the last would matter.
fn table(publication: &Publication, receipt: &PublishReceipt) -> String {
    let request = publication.request();
    let cell = |text: &str| text.replace('|', "\\|").replace('`', "'");
    let commit = request.commit.as_ref().map_or("the tip of the ref", doorbell_messages::CommitId::as_str);
    format!(
        "### Doorbell\n\n| | |\n|---|---|\n| job | `{}` |\n| project | `{}` |\n| ref | `{}` |\n| commit | `{commit}` |\n| message | `{}` |\n",
        cell(publication.job().as_str()),
        cell(request.project.as_str()),
        cell(&request.git_ref.full()),
        cell(&receipt.message_id),
    )
}
