use std::time::Duration;

use doorbell_adapters::aws::DynamoDbLedger;
use doorbell_engine::domain::Row;
use doorbell_messages::{JobKey, ProjectName};
use tokio::time::{Instant, sleep};

use crate::error::CliError;
use crate::printer::Printer;

/// Time limit for a published request to get its row.
const ROW_TIMEOUT: Duration = Duration::from_secs(30);

/// Interval between two reads of the row.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Like [`find`], but waits for the row of a job that was published just now.
///
/// # Errors
/// As for [`find`].
pub(crate) async fn find_or_wait(ledger: &DynamoDbLedger, name: &str, printer: Printer) -> Result<Row, CliError> {
    let Ok(key) = name.parse::<JobKey>() else { return find(ledger, name).await };
    let deadline = Instant::now() + ROW_TIMEOUT;
    let mut has_noted_waiting = false;
    loop {
        match ledger.row(&key).await? {
            Some(row) => return Ok(row),
            None if Instant::now() >= deadline => return Err(no_such_job(name)),
            None if !has_noted_waiting => printer.note("the job has no row yet; waiting up to 30 s for a worker"),
            None => {}
        }
        has_noted_waiting = true;
        sleep(POLL_INTERVAL).await;
    }
}

/// Finds a job by its key, which costs one read, or by a prefix of its key or its id, which read the whole table.
///
/// # Errors
/// No job matches, or more than one.
pub(crate) async fn find(ledger: &DynamoDbLedger, name: &str) -> Result<Row, CliError> {
    if let Ok(key) = name.parse::<JobKey>() {
        return ledger.row(&key).await?.ok_or_else(|| no_such_job(name));
    }
    let mut found = all_rows(ledger, None).await?;
    found.retain(|row| matches_name(row.key.as_str(), name));
    match found.len() {
        0 => Err(no_such_job(name)),
        1 => found.pop().ok_or_else(|| no_such_job(name)),
        count => {
            let some: Vec<&str> = found.iter().take(3).map(|row| row.key.as_str()).collect();
            let next = format!("use a whole key: {}{}", some.join(", "), if count > 3 { ", ..." } else { "" });
            Err(CliError::missing(format!("{count} jobs match \"{}\"", name.escape_default()), next))
        }
    }
}

/// Every row, or every one of a project.
///
/// # Errors
/// The table cannot be read.
pub(crate) async fn all_rows(ledger: &DynamoDbLedger, project: Option<&ProjectName>) -> Result<Vec<Row>, CliError> {
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = ledger.page(project, after).await?;
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return Ok(rows);
        }
    }
}

fn matches_name(key: &str, name: &str) -> bool {
    key.starts_with(name) || key.split('#').nth(1) == Some(name)
}

pub(super) fn no_such_job(name: &str) -> CliError {
    CliError::missing(
        format!("there is no job \"{}\"", name.escape_default()),
        "`doorbell jobs list` shows the latest; for a new request, see `doorbell dlq list` and `doorbell doctor`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_matches_key_prefix_or_request_id() {
        let key = "demo#ci-4711#44483f6b239f8fbaede9b993";
        for (name, expected) in
            [("demo#ci", true), ("ci-4711", true), ("ci-47", false), ("4448", false), ("demo#x", false)]
        {
            assert_eq!(matches_name(key, name), expected, "{name}");
        }
    }
}
