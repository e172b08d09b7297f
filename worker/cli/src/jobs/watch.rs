use std::time::Duration;

use doorbell_adapters::aws::DynamoDbLedger;
use doorbell_engine::domain::{Row, Timestamp};
use doorbell_messages::Status;
use serde::Serialize;

use crate::error::{CliError, CommandOutcome};
use crate::jobs::list::{LatestJobs, latest, table};
use crate::jobs::view::{JobView, status_reason};
use crate::jobs::{JobsListArguments, WatchArguments, find_or_wait};
use crate::printer::{Printer, dim, format_time, harmless, status};

/// Interval between two reads of the ledger.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Interval of the live table, which reads more.
const TABLE_INTERVAL: Duration = Duration::from_secs(3);

/// The command's outcome for a job's final status.
pub(crate) fn outcome(status: Status) -> CommandOutcome {
    match status {
        Status::Success => CommandOutcome::Done,
        Status::Failure => CommandOutcome::Failed,
        Status::Rejected => CommandOutcome::Rejected,
        Status::Canceled => CommandOutcome::Canceled,
        Status::Error | Status::Queued | Status::Running => CommandOutcome::Error,
    }
}

/// Follows one job to its end, line by line; or shows a table of the latest jobs until Ctrl-C.
///
/// # Errors
/// There is no such job, or the ledger cannot be read.
pub(crate) async fn watch(
    ledger: &DynamoDbLedger,
    arguments: &WatchArguments,
    now: impl Fn() -> Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    match &arguments.job {
        Some(name) => watch_one(ledger, name, printer).await,
        None => watch_all(ledger, &arguments.list, now, printer).await,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WatchLineView {
    at: String,
    message: String,
}

async fn watch_one(ledger: &DynamoDbLedger, name: &str, printer: Printer) -> Result<CommandOutcome, CliError> {
    let mut row = find_or_wait(ledger, name, printer).await?;
    let mut shown = 0;
    loop {
        // A long trail loses entries in its middle; new ones are at its end.
        for entry in row.trail.iter().skip(shown) {
            let line = WatchLineView { at: entry.at.to_string(), message: entry.message.clone() };
            printer.print_result(&line, || {
                printer.wrap_text(format!("{} {}", format_time(entry.at), harmless(&entry.message)), 9)
            })?;
        }
        shown = row.trail.len();
        if row.status().is_final() {
            return print_final_status(&row, printer);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
        let key = row.key.clone();
        row = ledger.row(&key).await?.unwrap_or(row);
    }
}

/// Prints the last line; the exit code has the same meaning.
pub(crate) fn print_final_status(row: &Row, printer: Printer) -> Result<CommandOutcome, CliError> {
    let reason = status_reason(row).map(|reason| format!(": {}", harmless(&reason))).unwrap_or_default();
    printer.print_result(&JobView::from(row), || vec![status(row.status()).then(reason)])?;
    Ok(outcome(row.status()))
}

async fn watch_all(
    ledger: &DynamoDbLedger,
    arguments: &JobsListArguments,
    now: impl Fn() -> Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    if printer.width().is_none() {
        return Err(CliError::usage(
            "a live table needs a terminal",
            "in a pipe: `doorbell jobs list`, or `doorbell jobs watch JOB`",
        ));
    }
    loop {
        let LatestJobs { mut rows, more, .. } = latest(ledger, arguments).await?;
        // One line for the header, one below the table, one for the cursor.
        let visible_rows = printer.height().map_or(rows.len(), |height| height.saturating_sub(3));
        let hidden = more || rows.len() > visible_rows;
        rows.truncate(visible_rows);
        let mut lines = table(&rows, now(), printer.width());
        let older = if hidden { ", older ones not shown" } else { "" };
        lines.push(dim(&format!("{} UTC{older}; Ctrl-C ends", format_time(now()))));
        printer.redraw(&lines)?;
        tokio::time::sleep(TABLE_INTERVAL).await;
    }
}
