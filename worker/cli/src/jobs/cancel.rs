//! What the owner can do about a job: end it, ask for it again.

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
    /// `ledger` or `topic`: which way it went. None where nothing was to be done.
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

/// Asks that a job end: by its row, which needs the ledger and no project's leave; or by a request, as a publisher.
///
/// # Errors
/// There is no such job, or it could not be written or published.
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
        None => printer.note(&format!("nothing to end: the job is {}, or somebody has asked already", row.status())),
        Some(_) => printer.next(&format!("`doorbell jobs watch '{}'` shows how it ends", row.key)),
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
                    "may these credentials dynamodb:UpdateItem?",
                ));
            }
            None => break,
        }
    }
    Err(CliError::operation_failed("the row changes faster than it can be written", "try again"))
}

/// The request that cancels a job is its own, with another action.
fn cancel_request(row: &Row) -> Result<Request, CliError> {
    // Without an id of its own the request's key holds the id of its SNS message; a request may bear that one, too.
    Ok(Request { action: RequestAction::Cancel, id: Some(request_id(row)?), ..row.request.clone() })
}

fn request_id(row: &Row) -> Result<RequestId, CliError> {
    let id = row.key.as_str().split('#').nth(1).unwrap_or_default();
    id.parse().map_err(|rule: String| CliError::operation_failed(rule, "cancel it by the ledger: without --by-request"))
}

/// Publishes the job's request again, under another id: a job of its own.
///
/// # Errors
/// There is no such job, or it could not be published.
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
    let id = id.parse().map_err(|rule: String| CliError::operation_failed(rule, "is this machine's clock right?"))?;
    Ok(Request { id: Some(id), ..row.request.clone() })
}

/// The topic of requests.
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
