//! `doorbell jobs cancel` and `doorbell jobs rerun`.

use doorbell_adapters::aws::{DynamoDbLedger, aws_error};
use doorbell_engine::domain::{Row, Timestamp};
use doorbell_engine::ports::JobLedger;
use doorbell_engine::{MAX_WRITE_CONFLICTS, RowStore, WriteOutcome};
use doorbell_messages::{JobKey, Request, RequestAction, RequestId};
use serde::Serialize;

use crate::error::{CliError, CommandOutcome};
use crate::jobs::find::{find_to_cancel, no_such_job};
use crate::jobs::{CancelArguments, RerunArguments, find};
use crate::printer::{Line, Printer};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CancelOutput {
    job: String,
    /// `ledger` or `topic`: how the cancel was sent. None if there was nothing to cancel.
    by: Option<&'static str>,
    status: &'static str,
    message_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RerunOutput {
    job: String,
    of: String,
    message_id: String,
}

/// Cancels a job by its row, or by a cancel request as a publisher does.
///
/// # Errors
/// There is no such job, or the write or the Publish failed.
pub(crate) async fn cancel(
    ledger: &DynamoDbLedger,
    topic: Option<&RequestTopic>,
    arguments: &CancelArguments,
    now: Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let row = find_to_cancel(ledger, &arguments.job.job).await?;
    let (by, message_id) = match topic {
        Some(topic) => (Some("topic"), Some(topic.publish(&cancel_request(&row)?).await?)),
        None => (write_cancel(ledger.clone(), &row, now).await?.then_some("ledger"), None),
    };
    let output = CancelOutput { job: row.key.to_string(), by, status: row.status().as_str(), message_id };
    printer.print_result(&output, || vec![Line::from(&output.job)])?;
    match by {
        None => {
            printer.note(&format!("nothing to cancel: the job is {}, or a cancel is recorded already", row.status()))
        }
        Some(_) => printer.next(&format!("`doorbell jobs watch '{}'` follows it", row.key)),
    }
    Ok(CommandOutcome::Done)
}

/// Records the cancel in the job's row, which is due then, so that a worker's sweep finds it. Returns whether this call
/// did it: not if the job has ended, or if a cancel was recorded before.
async fn write_cancel<L: JobLedger>(ledger: L, row: &Row, now: Timestamp) -> Result<bool, CliError> {
    let store = RowStore::new(ledger, store_name());
    // The store signs the row.
    let cancel = |row: &Row| row.with_cancel_requested(now, now, "the owner asks to cancel the job");
    let retry = "run the command again: it cancels a job once";
    match store.update_row_with(row.clone(), cancel).await {
        WriteOutcome::Written(_) => Ok(true),
        WriteOutcome::Unchanged(_) => Ok(false),
        WriteOutcome::Absent => Err(no_such_job(row.key.as_str())),
        WriteOutcome::GaveUp { last_error: Some(error) } => Err(CliError::operation_failed(
            format!("AWS: {error}"),
            "check that these credentials allow dynamodb:UpdateItem, and retry",
        )),
        WriteOutcome::GaveUp { last_error: None } => {
            Err(CliError::operation_failed(format!("gave up after {MAX_WRITE_CONFLICTS} write conflicts"), retry))
        }
        WriteOutcome::Unavailable(error) => Err(CliError::operation_failed(format!("AWS: {error}"), retry)),
    }
}

/// A unique name of a row store: process ids repeat across containers and machines.
fn store_name() -> String {
    use std::hash::{BuildHasher, Hasher};
    // The standard library seeds its hasher with the operating system's random numbers.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("doorbell-{random:016x}")
}

/// The cancel request: the job's own request with action `cancel`.
fn cancel_request(row: &Row) -> Result<Request, CliError> {
    // Without an id, the key contains the SNS message id; it is a valid request id, too.
    Ok(Request { action: RequestAction::Cancel, id: Some(request_id(row)?), ..row.request.clone() })
}

fn request_id(row: &Row) -> Result<RequestId, CliError> {
    let id = row.key.as_str().split('#').nth(1).unwrap_or_default();
    id.parse().map_err(|rule: String| CliError::operation_failed(rule, "cancel it without --by-request"))
}

/// Publishes the job's request again with another id, as a new job.
///
/// # Errors
/// There is no such job, or the Publish failed.
pub(crate) async fn rerun(
    ledger: &DynamoDbLedger,
    topic: &RequestTopic,
    arguments: &RerunArguments,
    now: Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let row = find(ledger, &arguments.job.job).await?;
    let request = rerun_request(&row, arguments.allow_older, now)?;
    let message_id = topic.publish(&request).await?;
    let job = JobKey::for_request(&request, &message_id)
        .map_err(|rule| CliError::operation_failed(rule, "see `doorbell jobs list`"))?;
    let output = RerunOutput { job: job.to_string(), of: row.key.to_string(), message_id };
    printer.print_result(&output, || vec![Line::from(&output.job)])?;
    printer.next(&format!("`doorbell logs -f '{}'` follows it", output.job));
    Ok(CommandOutcome::Done)
}

fn rerun_request(row: &Row, allow_older: bool, now: Timestamp) -> Result<Request, CliError> {
    let id = format!("rerun-{}", now.as_millis());
    let id = id.parse().map_err(|rule: String| CliError::operation_failed(rule, "check this machine's clock"))?;
    let allow_older = allow_older || row.request.allow_older;
    Ok(Request { id: Some(id), allow_older, ..row.request.clone() })
}

/// The SNS topic of requests.
#[derive(Debug)]
pub(crate) struct RequestTopic {
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) arn: String,
}

impl RequestTopic {
    async fn publish(&self, request: &Request) -> Result<String, CliError> {
        let call = self.sns.publish().topic_arn(&self.arn).message(request.to_json());
        let call = call.message_group_id(request.project.as_str());
        let answer = call.send().await.map_err(|error| aws_error("Publish", error))?;
        Ok(answer.message_id.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use doorbell_engine::domain::SourceMessage;
    use doorbell_engine::ports::{Cursor, DuePage, InsertOutcome, LoadError, PortError, UpdateOutcome};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_000);

    /// What the reply to a write is, though the ledger has the row.
    #[derive(Clone, Copy)]
    enum Reply {
        Written,
        Lost,
        /// The SDK sent the write again, and met its own row.
        ConflictWithItself,
    }

    struct OneRow {
        row: Mutex<Row>,
        reply: Reply,
    }

    impl JobLedger for &OneRow {
        async fn insert(&self, _: &[Row]) -> Vec<Result<InsertOutcome, PortError>> {
            Vec::new()
        }

        async fn load(&self, _: &[JobKey]) -> Vec<Result<Option<Row>, LoadError>> {
            vec![Ok(Some(self.row.lock().unwrap().clone()))]
        }

        async fn update(&self, rows: &[Row]) -> Vec<Result<UpdateOutcome, PortError>> {
            let mut row = self.row.lock().unwrap();
            if rows[0].rev != row.rev + 1 {
                return vec![Ok(UpdateOutcome::Conflict)];
            }
            *row = rows[0].clone();
            vec![match self.reply {
                Reply::Written => Ok(UpdateOutcome::Written),
                Reply::Lost => Err(PortError("connection reset".to_owned())),
                Reply::ConflictWithItself => Ok(UpdateOutcome::Conflict),
            }]
        }

        async fn due(&self, _: u8, _: Timestamp, _: Option<Cursor>) -> Result<DuePage, PortError> {
            Ok(DuePage::default())
        }
    }

    fn row() -> Row {
        let request = Request::parse(r#"{"project":"demo","branch":"main","id":"ci-1"}"#).unwrap();
        let message = SourceMessage { id: "m".to_owned(), sent_at: NOW };
        Row::new(JobKey::for_request(&request, "m").unwrap(), request, message, NOW)
    }

    #[test]
    fn rerun_allows_an_older_commit_only_if_asked() {
        let rerun = |allow_older| rerun_request(&row(), allow_older, NOW).unwrap();
        assert!(!rerun(false).allow_older && rerun(true).allow_older);
        assert_ne!(rerun(true).id, row().request.id);
    }

    async fn cancel_twice(reply: Reply) -> [bool; 2] {
        let ledger = OneRow { row: Mutex::new(row()), reply };
        let first = write_cancel(&ledger, &row(), NOW).await.unwrap();
        [first, write_cancel(&ledger, &row(), NOW).await.unwrap()]
    }

    #[tokio::test]
    async fn cancel_is_recorded_once() {
        assert_eq!(cancel_twice(Reply::Written).await, [true, false]);
    }

    #[tokio::test]
    async fn cancel_is_reported_when_the_reply_to_its_write_was_lost() {
        assert_eq!(cancel_twice(Reply::Lost).await, [true, false]);
        assert_eq!(cancel_twice(Reply::ConflictWithItself).await, [true, false]);
    }
}
