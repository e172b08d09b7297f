use std::time::Duration;

use doorbell_engine::domain::{Row, Timestamp};
use doorbell_messages::Status;
use doorbell_worker::Table;
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::jobs::list::{latest, table};
use crate::jobs::view::{JobView, words};
use crate::jobs::{ListArguments, WatchArguments, find_soon};
use crate::screen::{Screen, clock, dim, harmless, status};

/// Between two looks at the ledger.
const EVERY: Duration = Duration::from_secs(1);

/// The whole table is read for it: less often.
const EVERY_TABLE: Duration = Duration::from_secs(3);

/// What a job's end means for whoever waited.
pub(crate) fn outcome(status: Status) -> Outcome {
    match status {
        Status::Success => Outcome::Done,
        Status::Failure => Outcome::Failed,
        Status::Rejected => Outcome::Rejected,
        Status::Canceled => Outcome::Canceled,
        Status::Error | Status::Queued | Status::Running => Outcome::Error,
    }
}

/// Follows one job to its end, line by line; or shows a table of the latest jobs until Ctrl-C.
///
/// # Errors
/// There is no such job, or the ledger can't be read.
pub(crate) async fn watch(
    ledger: &Table,
    arguments: &WatchArguments,
    now: impl Fn() -> Timestamp,
    screen: Screen,
) -> Result<Outcome, Failure> {
    match &arguments.job {
        Some(name) => watch_one(ledger, name, screen).await,
        None => watch_all(ledger, &arguments.list, now, screen).await,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    at: String,
    text: String,
}

async fn watch_one(ledger: &Table, name: &str, screen: Screen) -> Result<Outcome, Failure> {
    let mut row = find_soon(ledger, name, screen).await?;
    let mut shown = 0;
    loop {
        // A long story loses lines in its middle; what is new stands at its end.
        for note in row.trail.iter().skip(shown) {
            let line = Line { at: note.at.to_string(), text: note.text.clone() };
            screen.result(&line, || screen.wrapped(&format!("{} {}", clock(note.at), harmless(&note.text)), 9))?;
        }
        shown = row.trail.len();
        if row.status().is_final() {
            return end(&row, screen);
        }
        tokio::time::sleep(EVERY).await;
        let key = row.key.clone();
        row = ledger.row(&key).await?.unwrap_or(row);
    }
}

/// The last line; the exit code says the same.
pub(crate) fn end(row: &Row, screen: Screen) -> Result<Outcome, Failure> {
    let why = words(row).map(|words| format!(": {}", harmless(&words))).unwrap_or_default();
    screen.result(&JobView::from(row), || vec![format!("{}{why}", status(row.status()))])?;
    Ok(outcome(row.status()))
}

async fn watch_all(
    ledger: &Table,
    arguments: &ListArguments,
    now: impl Fn() -> Timestamp,
    screen: Screen,
) -> Result<Outcome, Failure> {
    if screen.width().is_none() {
        return Err(Failure::usage(
            "a live table needs a terminal",
            "in a pipe: `doorbell jobs list`, or `doorbell jobs watch JOB`",
        ));
    }
    loop {
        let (mut rows, more) = latest(ledger, arguments).await?;
        // A line for the header, one below it, and one for the cursor.
        let room = screen.height().map_or(rows.len(), |height| height.saturating_sub(3));
        let hidden = more + rows.len().saturating_sub(room);
        rows.truncate(room);
        let mut lines = table(&rows, now(), screen.width());
        let older = if hidden == 0 { String::new() } else { format!(", {hidden} older not shown") };
        lines.push(dim(&format!("{} UTC{older}; Ctrl-C ends", clock(now()))));
        screen.frame(&lines)?;
        tokio::time::sleep(EVERY_TABLE).await;
    }
}
