use std::io::Write;

use clap::builder::styling::AnsiColor;
use serde::Serialize;

use crate::context_table::ContextTable;
use crate::failure::TriggerFailure;
use crate::{RequestContext, ResultFormat, Vendor, log_group};
use doorbell_messages::text::escape_json;
use doorbell_publisher::{Publication, PublishReceipt};

/// Prints results to stdout and everything else to stderr.
///
/// `anstream` removes color in a pipe, and with `NO_COLOR`.
#[derive(Debug)]
pub struct Console {
    format: ResultFormat,
    vendor: Option<Vendor>,
}

/// A published request, for `--output json`. Its fields are stable; later versions may add fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PublishResultJson<'a> {
    job: &'a str,
    project: &'a str,
    #[serde(rename = "ref")]
    git_ref: String,
    commit: Option<&'a str>,
    topic_arn: &'a str,
    message_id: &'a str,
}

/// The output of `--dry-run --output json`, equally stable.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DryRunJson<'a> {
    topic_arn: &'a str,
    region: &'a str,
    message: &'a doorbell_messages::Request,
}

impl Console {
    /// A console that prints results in a format, and uses the log groups of a CI.
    pub fn new(format: ResultFormat, vendor: Option<Vendor>) -> Self {
        Self { format, vendor }
    }

    /// Prints notes before the result.
    pub fn notes(&self, notes: &[String]) {
        for note in notes {
            print_labeled("note", AnsiColor::Yellow, note);
        }
    }

    /// Prints the context as the result.
    pub fn show_context(&self, context: &RequestContext) {
        let table = ContextTable::new(context);
        self.result(&table.text(terminal_width()), &table.json());
    }

    /// Prints the context to the log of a CI, in a log group if the CI has those.
    pub fn ci_log_context(&self, context: &RequestContext) {
        if self.vendor.is_none() {
            return;
        }
        let table = ContextTable::new(context).text(None);
        let lines = match log_group::markers(self.vendor) {
            Some((begin, end)) => {
                [Some(begin), Some(&*table), end].into_iter().flatten().collect::<Vec<_>>().join("\n")
            }
            None => table,
        };
        // As in `print_labeled`.
        let _ = writeln!(anstream::stderr(), "{lines}");
    }

    /// Prints the result of a dry run: the topic and the exact message.
    pub fn dry_run(&self, publication: &Publication) {
        let (topic, body) = (publication.topic(), publication.body());
        self.result(
            &format!("topic   {topic}\nregion  {}\nmessage {}", topic.region(), escape_json(body)),
            &DryRunJson { topic_arn: topic.as_str(), region: topic.region(), message: publication.request() },
        );
    }

    /// Prints the job's key to stdout, and to stderr that it was published.
    pub fn published(&self, publication: &Publication, receipt: &PublishReceipt) {
        let (request, topic, job) = (publication.request(), publication.topic(), publication.job());
        print_labeled(
            "published",
            AnsiColor::Green,
            &format!("{} of {} to {topic}, message {}", request.git_ref, request.project, receipt.message_id),
        );
        self.result(
            job.as_str(),
            &PublishResultJson {
                job: job.as_str(),
                project: request.project.as_str(),
                git_ref: request.git_ref.full(),
                commit: request.commit.as_ref().map(doorbell_messages::CommitId::as_str),
                topic_arn: topic.as_str(),
                message_id: &receipt.message_id,
            },
        );
    }

    /// Prints a failure and the next step.
    pub fn failure(&self, failure: &TriggerFailure) {
        match self.vendor {
            // A line that GitHub also shows on the run's page; it prints it as "Error: ...".
            Some(vendor) if vendor.supports_github_commands() => {
                let text = failure.what.replace('%', "%25");
                let _ = writeln!(anstream::stderr(), "::error title=trigger_job::{text}");
            }
            _ => print_labeled("error", AnsiColor::Red, &failure.what),
        }
        print_labeled("next", AnsiColor::Cyan, &failure.next);
    }

    fn result(&self, text: &str, json: &impl Serialize) {
        let line = match self.format {
            ResultFormat::Text => Ok(text.to_owned()),
            ResultFormat::Json => serde_json::to_string(json).map(|json| escape_json(&json)),
        };
        let written = line.map_err(std::io::Error::from).and_then(|line| writeln!(anstream::stdout(), "{line}"));
        // Not an error: the exit code says what was published, and a caller that closed stdout does not read this.
        if let Err(error) = written {
            print_labeled("note", AnsiColor::Yellow, &format!("the result cannot be written to stdout: {error}"));
        }
    }
}

/// The width to wrap at: the terminal's, or `COLUMNS`. Without either, output for programs is not wrapped.
fn terminal_width() -> Option<usize> {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0)).or_else(columns)
}

fn print_labeled(word: &str, color: AnsiColor, text: &str) {
    let style = color.on_default().bold();
    // A closed stderr is no failure.
    let _ = writeln!(anstream::stderr(), "{style}{word}:{style:#} {text}");
}
