use std::time::Duration;

use doorbell_adapters::aws::DynamoDbLedger;
use doorbell_engine::domain::Row;
use doorbell_messages::JobKey;
use tokio::time::{Instant, sleep};

use crate::error::CliError;
use crate::printer::Printer;

/// Time limit for a published request to get its row.
const ROW_TIMEOUT: Duration = Duration::from_secs(30);

/// Interval between two reads of the row.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The number of keys that a search reads at once.
const KEYS_READ_AT_ONCE: usize = 1000;

/// The suffix that names a series' first job.
const FIRST_GENERATION: &str = "~0";

/// Like [`find`], but waits for the row of a job that was published just now.
///
/// # Errors
/// As for [`find`].
pub(crate) async fn find_or_wait(ledger: &DynamoDbLedger, name: &str, printer: Printer) -> Result<Row, CliError> {
    let Some(key) = parse_key(name) else { return find(ledger, name).await };
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

/// Finds a job by its key, which costs one read, or by a prefix of its key or its id, which read keys from an index.
///
/// # Errors
/// No job matches, or more than one.
pub(crate) async fn find(ledger: &DynamoDbLedger, name: &str) -> Result<Row, CliError> {
    let key = match parse_key(name) {
        Some(key) => key,
        None => find_key(ledger, name).await?,
    };
    ledger.row(&key).await?.ok_or_else(|| no_such_job(name))
}

/// Finds the job that a cancel means: the youngest of the series where the name stands for the whole series.
///
/// # Errors
/// As for [`find`].
pub(crate) async fn find_to_cancel(ledger: &DynamoDbLedger, name: &str) -> Result<Row, CliError> {
    let row = find(ledger, name).await?;
    let Some(youngest) = youngest_key(&row).filter(|_| !names_one_job(name)) else { return Ok(row) };
    // Absent: its worker crashed before it wrote the row, which the redelivered message inserts.
    ledger.row(&youngest).await?.ok_or_else(|| no_such_job(youngest.as_str()))
}

/// Whether a name stands for one job of a series, also if the series has others.
fn names_one_job(name: &str) -> bool {
    name.contains('~')
}

/// The series that all these jobs belong to.
fn only_series(found: &[JobKey]) -> Option<JobKey> {
    let series = found.first()?.series();
    found.iter().all(|key| key.series() == series).then_some(series)
}

/// The youngest later job of the series whose first row this is.
fn youngest_key(row: &Row) -> Option<JobKey> {
    row.series.last().filter(|youngest| youngest.sent_at > row.message.sent_at).map(|entry| row.entry_key(entry))
}

/// The key that a name on a command line stands for, if it is a whole key. `K~0` names the row at K itself.
fn parse_key(name: &str) -> Option<JobKey> {
    match name.strip_suffix(FIRST_GENERATION) {
        Some(series) => series.parse().ok().filter(|key: &JobKey| key.generation().is_none()),
        None => name.parse().ok(),
    }
}

/// The only key that matches a name.
async fn find_key(ledger: &DynamoDbLedger, name: &str) -> Result<JobKey, CliError> {
    let mut found = matching_keys(ledger, name).await?;
    if let Some(series) = only_series(&found).filter(|_| !names_one_job(name)) {
        return Ok(series);
    }
    match found.len() {
        0 => Err(no_such_job(name)),
        1 => Ok(found.remove(0)),
        count => {
            let some: Vec<&str> = found.iter().take(3).map(JobKey::as_str).collect();
            let next = format!("use a whole key: {}{}", some.join(", "), if count > 3 { ", ..." } else { "" });
            Err(CliError::missing(format!("{count} jobs match \"{}\"", name.escape_default()), next))
        }
    }
}

async fn matching_keys(ledger: &DynamoDbLedger, name: &str) -> Result<Vec<JobKey>, CliError> {
    let projects = match name.split_once('#') {
        Some((project, _)) => vec![project.parse().map_err(|_| no_such_job(name))?],
        None => ledger.projects().await?,
    };
    let mut keys = ledger.latest_job_keys(&projects);
    let mut found = Vec::new();
    loop {
        let read = keys.next(KEYS_READ_AT_ONCE).await?;
        if read.is_empty() {
            return Ok(found);
        }
        found.extend(read.into_iter().filter(|key| matches_name(key.as_str(), name)));
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
    use doorbell_engine::domain::{SourceMessage, Timestamp};

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

    #[test]
    fn name_of_a_whole_series_stands_for_its_first_job() {
        let first: JobKey = "demo#ci-4711#44483f6b239f8fbaede9b993".parse().unwrap();
        let (later, other) = (first.later_job("m2"), "demo#ci-4711#54483f6b239f8fbaede9b993".parse().unwrap());
        assert_eq!(only_series(&[later.clone(), first.clone()]), Some(first.clone()));
        assert_eq!(only_series(&[later.clone(), first, other]), None);
        assert!(names_one_job(later.as_str()) && !names_one_job("ci-4711"));
    }

    #[test]
    fn cancel_of_a_series_means_its_youngest_job() {
        let request = doorbell_messages::Request::parse(r#"{"project":"demo","branch":"main","id":"a"}"#).unwrap();
        let message = |id: &str, seconds: i64| SourceMessage {
            id: id.to_owned(),
            sent_at: Timestamp::from_millis(1_800_000_000_000 + seconds * 1000),
        };
        let key = JobKey::for_request(&request, "m1").unwrap();
        let row = Row::new(key.clone(), request, message("m1", 0), message("m1", 0).sent_at);
        assert_eq!(youngest_key(&row), None);
        let row = row.with_later_job(&message("m3", 9)).with_later_job(&message("m2", 5));
        assert_eq!(youngest_key(&row), Some(key.later_job("m3")));
        // A late message, published before the first job's.
        let early = Row { series: Vec::new(), ..row }.with_later_job(&message("m0", -9));
        assert_eq!(youngest_key(&early), None);
    }

    #[test]
    fn tilde_zero_names_the_first_job_of_a_series() {
        let series = "demo#ci-4711#44483f6b239f8fbaede9b993";
        let later = format!("{series}~0123456789abcdef");
        let parse = |name: &str| parse_key(name).map(String::from);
        assert_eq!(parse(series).as_deref(), Some(series));
        assert_eq!(parse(&format!("{series}~0")).as_deref(), Some(series));
        assert_eq!(parse(&later), Some(later.clone()));
        for name in [&format!("{later}~0"), &format!("{series}~1"), "demo#ci-4711~0", "ci-4711"] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
