use clap::builder::styling::{AnsiColor, Style};
use doorbell_engine::domain::{Row, Timestamp};
use doorbell_messages::Status;
use doorbell_worker::Table;
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::jobs::ListArguments;
use crate::jobs::find::all;
use crate::jobs::view::{JobView, words};
use crate::screen::{Columns, Screen, ago, harmless};

#[derive(Serialize)]
struct Listed {
    jobs: Vec<JobView>,
    /// How many more the filters let through.
    more: usize,
}

/// The latest jobs. The table has no index by time: it is read whole, which for a month of jobs is some megabytes.
///
/// # Errors
/// The table can't be read.
pub(crate) async fn list(
    ledger: &Table,
    arguments: &ListArguments,
    now: Timestamp,
    screen: Screen,
) -> Result<Outcome, Failure> {
    let (rows, more) = latest(ledger, arguments).await?;
    let listed = Listed { jobs: rows.iter().map(JobView::from).collect(), more };
    screen.result(&listed, || table(&rows, now, screen.width()))?;
    if rows.is_empty() {
        screen.note("no job is as asked for; a rejected request is a job, a malformed one is in `doorbell dlq list`");
    } else if more > 0 && !screen.is_json() {
        screen.note(&format!("{more} more; --limit shows them"));
    }
    Ok(Outcome::Done)
}

/// Those that are asked for, the youngest first, and how many more there are.
pub(crate) async fn latest(ledger: &Table, arguments: &ListArguments) -> Result<(Vec<Row>, usize), Failure> {
    let mut rows = all(ledger, arguments.project.as_ref()).await?;
    rows.retain(|row| arguments.status.is_none_or(|status| row.status() == status));
    rows.sort_by_key(|row| std::cmp::Reverse(row.received_at));
    let more = rows.len().saturating_sub(arguments.limit);
    rows.truncate(arguments.limit);
    Ok((rows, more))
}

/// The job stands first and whole: it is what the next command is given.
pub(crate) fn table(rows: &[Row], now: Timestamp, width: Option<usize>) -> Vec<String> {
    let mut columns = Columns::new(&["STATUS", "AGE", "JOB", "REF AND REASON"]);
    for row in rows {
        let (project, id) = (row.key.project(), row.key.as_str().split('#').nth(1).unwrap_or_default());
        let why = words(row).map(|words| format!(": {}", harmless(&words))).unwrap_or_default();
        columns.row(vec![
            (style(row.status()), row.status().to_string()),
            (Style::new().dimmed(), ago(row.received_at, now)),
            (Style::new(), format!("{project}#{id}")),
            (Style::new(), format!("{}{why}", row.git_ref())),
        ]);
    }
    columns.lines(width)
}

fn style(status: Status) -> Style {
    match status {
        Status::Success => AnsiColor::Green.on_default(),
        Status::Queued | Status::Running => AnsiColor::Yellow.on_default(),
        Status::Canceled => AnsiColor::Magenta.on_default(),
        Status::Failure | Status::Error | Status::Rejected => AnsiColor::Red.on_default(),
    }
}
