use clap::builder::styling::{AnsiColor, Style};
use doorbell_adapters::aws::DynamoDbLedger;
use doorbell_engine::domain::{Row, Timestamp};
use doorbell_messages::Status;
use serde::Serialize;

use crate::error::{CliError, CommandOutcome};
use crate::jobs::JobsListArguments;
use crate::jobs::view::{JobView, status_reason};
use crate::printer::{Columns, Line, Printer, format_age, harmless, pluralize};

#[derive(Serialize)]
struct JobsListOutput {
    jobs: Vec<JobView>,
    /// Whether jobs beyond the limit match.
    more: bool,
}

/// The latest jobs that match.
#[derive(Default)]
pub(crate) struct LatestJobs {
    /// Newest first.
    pub(crate) rows: Vec<Row>,
    /// Whether jobs beyond the limit match.
    pub(crate) more: bool,
    /// The number of rows that were skipped: of a newer schema, or damaged.
    unreadable: usize,
}

/// The number of rows that a search for a status reads at once.
const ROWS_READ_AT_ONCE: usize = 100;

/// Prints the latest jobs.
///
/// # Errors
/// The table cannot be read.
pub(crate) async fn list(
    ledger: &DynamoDbLedger,
    arguments: &JobsListArguments,
    now: Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let LatestJobs { rows, more, unreadable } = latest(ledger, arguments).await?;
    let output = JobsListOutput { jobs: rows.iter().map(JobView::from).collect(), more };
    printer.print_result(&output, || table(&rows, now, printer.width()))?;
    if unreadable > 0 {
        let rows = pluralize(unreadable, "row");
        printer.note(&format!("{rows} skipped: of a newer version or damaged; use the newest `doorbell`"));
    }
    if rows.is_empty() {
        printer.note("no job matches; malformed requests are in `doorbell dlq list`");
    } else if more && !printer.is_json() {
        printer.note("more jobs match; a higher --limit shows them");
    }
    Ok(CommandOutcome::Done)
}

/// Reads the latest jobs that match, of one project or of all. Without a status, only the rows that are shown are read,
/// and one more.
pub(crate) async fn latest(ledger: &DynamoDbLedger, arguments: &JobsListArguments) -> Result<LatestJobs, CliError> {
    let projects = match &arguments.project {
        Some(project) => vec![project.clone()],
        None => ledger.projects().await?,
    };
    let mut keys = ledger.latest_job_keys(&projects);
    let mut latest = LatestJobs::default();
    while latest.rows.len() <= arguments.limit {
        let missing = (arguments.limit - latest.rows.len()).saturating_add(1);
        let count = if arguments.status.is_some() { ROWS_READ_AT_ONCE } else { missing.min(ROWS_READ_AT_ONCE) };
        let keys = keys.next(count).await?;
        if keys.is_empty() {
            break;
        }
        let read = ledger.rows(&keys).await?;
        latest.unreadable += read.unreadable;
        latest.rows.extend(read.rows.into_iter().filter(|row| matches_status(row, arguments.status)));
    }
    latest.more = latest.rows.len() > arguments.limit;
    latest.rows.truncate(arguments.limit);
    Ok(latest)
}

fn matches_status(row: &Row, status: Option<Status>) -> bool {
    status.is_none_or(|status| row.status() == status)
}

/// Width of the other columns: status, age, gaps, and the beginning of a reason.
const OTHER_COLUMNS_WIDTH: usize = 40;

/// Minimum width of a job's name.
const MIN_NAME_WIDTH: usize = 16;

pub(crate) fn table(rows: &[Row], now: Timestamp, width: Option<usize>) -> Vec<Line> {
    let mut columns = Columns::new(&["STATUS", "AGE", "JOB", "REF AND REASON"]);
    let names: Vec<String> = rows.iter().map(short_key).collect();
    let name_width = width.map_or(usize::MAX, |width| width.saturating_sub(OTHER_COLUMNS_WIDTH).max(MIN_NAME_WIDTH));
    for (row, name) in rows.iter().zip(&names) {
        let reason = status_reason(row).map(|reason| format!(": {}", harmless(&reason))).unwrap_or_default();
        columns.row(vec![
            (status_style(row.status()), row.status().to_string()),
            (Style::new().dimmed(), format_age(row.received_at, now)),
            (Style::new(), shorten(name, &names, name_width).to_owned()),
            (Style::new(), format!("{}{reason}", row.git_ref())),
        ]);
    }
    columns.lines(width)
}

/// The key without its digest, which other commands accept.
fn short_key(row: &Row) -> String {
    format!("{}#{}", row.key.project(), row.key.as_str().split('#').nth(1).unwrap_or_default())
}

/// Shortens a name to a prefix that no other name has.
fn shorten<'a>(name: &'a str, names: &[String], max_width: usize) -> &'a str {
    let is_alone = |beginning: &str| names.iter().all(|other| other == name || !other.starts_with(beginning));
    let ends = name.char_indices().map(|(at, _)| at).filter(|at| *at >= max_width);
    ends.map(|end| &name[..end]).find(|beginning| is_alone(beginning)).unwrap_or(name)
}

fn status_style(status: Status) -> Style {
    match status {
        Status::Success => AnsiColor::Green.on_default(),
        Status::Queued | Status::Running => AnsiColor::Yellow.on_default(),
        Status::Canceled => AnsiColor::Magenta.on_default(),
        Status::Failure | Status::Error | Status::Rejected => AnsiColor::Red.on_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_names_are_shortened_to_unique_prefixes() {
        let names = ["demo#49593413d588164b", "demo#49593413d5881700", "demo#ci-1"].map(str::to_owned);
        let cut = |max_width: usize| names.iter().map(|name| shorten(name, &names, max_width)).collect::<Vec<_>>();
        assert_eq!(cut(100), names);
        assert_eq!(cut(20), ["demo#49593413d588164", "demo#49593413d588170", "demo#ci-1"]);
        assert_eq!(cut(8), ["demo#49593413d58816", "demo#49593413d58817", "demo#ci-"]);
    }
}
