use std::time::Duration;

use doorbell_engine::domain::Row;
use doorbell_messages::{JobKey, ProjectName};
use doorbell_worker::Table;
use tokio::time::{Instant, sleep};

use crate::failure::Failure;
use crate::screen::Screen;

/// How long a request may take from its topic to its row before nobody waits for it any more.
const APPEARS_WITHIN: Duration = Duration::from_secs(30);

/// Between two looks for a row.
const EVERY: Duration = Duration::from_secs(1);

/// As [`find`], for those who follow a job: the one that `trigger_job` has just named may not have its row yet.
///
/// # Errors
/// As [`find`]'s.
pub(crate) async fn find_soon(ledger: &Table, name: &str, screen: Screen) -> Result<Row, Failure> {
    let Ok(key) = name.parse::<JobKey>() else { return find(ledger, name).await };
    let end = Instant::now() + APPEARS_WITHIN;
    let mut told_waiting = false;
    loop {
        match ledger.row(&key).await? {
            Some(row) => return Ok(row),
            None if Instant::now() >= end => return Err(no_such_job(name)),
            None if !told_waiting => screen.note("no worker has taken the request yet; waiting up to 30 s"),
            None => {}
        }
        told_waiting = true;
        sleep(EVERY).await;
    }
}

/// The job that a person names: by its whole key, which is one read; or by the beginning of the key, or by the
/// request's id, which read the whole table.
///
/// # Errors
/// No job has that name, or more than one.
pub(crate) async fn find(ledger: &Table, name: &str) -> Result<Row, Failure> {
    if let Ok(key) = name.parse::<JobKey>() {
        return ledger.row(&key).await?.ok_or_else(|| no_such_job(name));
    }
    let mut found = all(ledger, None).await?;
    found.retain(|row| is_meant(row.key.as_str(), name));
    match found.len() {
        0 => Err(no_such_job(name)),
        1 => found.pop().ok_or_else(|| no_such_job(name)),
        count => {
            let some: Vec<&str> = found.iter().take(3).map(|row| row.key.as_str()).collect();
            let next = format!("name one of them whole: {}{}", some.join(", "), if count > 3 { ", ..." } else { "" });
            Err(Failure::context(format!("{count} jobs are called \"{}\"", name.escape_default()), next))
        }
    }
}

/// Every row, or every one of a project.
///
/// # Errors
/// The table could not be read.
pub(crate) async fn all(ledger: &Table, project: Option<&ProjectName>) -> Result<Vec<Row>, Failure> {
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

fn is_meant(key: &str, name: &str) -> bool {
    key.starts_with(name) || key.split('#').nth(1) == Some(name)
}

fn no_such_job(name: &str) -> Failure {
    Failure::context(
        format!("there is no job \"{}\"", name.escape_default()),
        "`doorbell jobs list` shows the latest; if it was published just now, `doorbell dlq list` and `doorbell doctor`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_by_the_beginning_of_its_key_or_by_its_id() {
        let key = "demo#ci-4711#44483f6b239f8fbaede9b993";
        for (name, want) in [("demo#ci", true), ("ci-4711", true), ("ci-47", false), ("4448", false), ("demo#x", false)]
        {
            assert_eq!(is_meant(key, name), want, "{name}");
        }
    }
}
