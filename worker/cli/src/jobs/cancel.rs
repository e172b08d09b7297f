//! `doorbell jobs cancel` and `doorbell jobs rerun`.

use doorbell_adapters::aws::{DynamoDbLedger, aws_error};
use doorbell_engine::domain::{Row, Timestamp};
use doorbell_engine::ports::{JobLedger, UpdateOutcome};
use doorbell_messages::{JobKey, Request, RequestAction, RequestId};
use serde::Serialize;

use crate::error::{CliError, CommandOutcome};
use crate::jobs::{CancelArguments, find};
use crate::printer::Printer;

/// How often a row is written again that a worker has changed meanwhile.
const MAX_CONFLICTS: u32 = 10;

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
    let row = find(ledger, &arguments.job).await?;
    let (by, message_id) = match topic {
        Some(topic) => (Some("topic"), Some(topic.publish(&cancel_request(&row)?).await?)),
        None => (write_cancel(ledger, &row, now).await?.then_some("ledger"), None),
    };
    let output = CancelOutput { job: row.key.to_string(), by, status: row.status().as_str(), message_id };
    printer.print_result(&output, || vec![output.job.clone()])?;
    match by {
        None => {
            printer.note(&format!("nothing to cancel: the job is {}, or a cancel is recorded already", row.status()))
        }
        Some(_) => printer.next(&format!("`doorbell jobs watch '{}'` follows it", row.key)),
    }
    Ok(CommandOutcome::Done)
}

/// Writes the wish into the row. A worker's sweep finds it there: the row is due now.
async fn write_cancel(ledger: &DynamoDbLedger, row: &Row, now: Timestamp) -> Result<bool, CliError> {
    let mut row = row.clone();
    for _ in 0..MAX_CONFLICTS {
        let writer = format!("doorbell-{}-{}", std::process::id(), now.as_millis());
        let Some(canceled) = row.with_cancel_requested(now, "the owner asks to cancel the job", writer) else {
            return Ok(false);
        };
        match ledger.update(std::slice::from_ref(&canceled)).await.pop() {
            Some(Ok(UpdateOutcome::Written)) => return Ok(true),
            Some(Ok(UpdateOutcome::Conflict)) => row = find(ledger, row.key.as_str()).await?,
            Some(Err(error)) => {
                return Err(CliError::operation_failed(
                    format!("AWS: {error}"),
                    "check that these credentials allow dynamodb:UpdateItem",
                ));
            }
            None => break,
        }
    }
    Err(CliError::operation_failed("the row changes faster than it can be written", "try again"))
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
    name: &str,
    now: Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let row = find(ledger, name).await?;
    let request = rerun_request(&row, now)?;
    let message_id = topic.publish(&request).await?;
    let job = JobKey::for_request(&request, &message_id)
        .map_err(|rule| CliError::operation_failed(rule, "see `doorbell jobs list`"))?;
    let output = RerunOutput { job: job.to_string(), of: row.key.to_string(), message_id };
    printer.print_result(&output, || vec![output.job.clone()])?;
    printer.next(&format!("`doorbell logs -f '{}'` follows it", output.job));
    Ok(CommandOutcome::Done)
}

fn rerun_request(row: &Row, now: Timestamp) -> Result<Request, CliError> {
    let id = format!("rerun-{}", now.as_millis());
    let id = id.parse().map_err(|rule: String| CliError::operation_failed(rule, "check this machine's clock"))?;
    Ok(Request { id: Some(id), ..row.request.clone() })
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
        let answer = call.send().await.map_err(|error| aws_error("Publish", error))?;
        Ok(answer.message_id.unwrap_or_default())
    }
}
