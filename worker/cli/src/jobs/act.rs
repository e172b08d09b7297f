//! What the owner can do about a job: end it, ask for it again.

use doorbell_engine::domain::{Row, Timestamp};
use doorbell_engine::ports::{Ledger, Update};
use doorbell_messages::{Action, JobKey, Request, RequestId};
use doorbell_worker::{Table, call_failed};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::jobs::{CancelArguments, find};
use crate::screen::Screen;

/// How often a row is written again that a worker has changed meanwhile.
const MOST_CONFLICTS: u32 = 10;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    job: String,
    /// `ledger` or `topic`: which way it went. None where nothing was to be done.
    by: Option<&'static str>,
    status: &'static str,
    message_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Again {
    job: String,
    of: String,
    message_id: String,
}

/// Asks that a job end: by its row, which needs the ledger and no project's leave; or by a request, as a publisher.
///
/// # Errors
/// There is no such job, or it could not be written or published.
pub(crate) async fn cancel(
    ledger: &Table,
    topic: Option<&Topic>,
    arguments: &CancelArguments,
    now: Timestamp,
    screen: Screen,
) -> Result<Outcome, Failure> {
    let row = find(ledger, &arguments.job).await?;
    let (by, message_id) = match topic {
        Some(topic) => (Some("topic"), Some(topic.publish(&cancel_request(&row)?).await?)),
        None => (mark(ledger, &row, now).await?.then_some("ledger"), None),
    };
    let asked = Asked { job: row.key.to_string(), by, status: row.status().as_str(), message_id };
    screen.result(&asked, || vec![asked.job.clone()])?;
    match by {
        None => screen.note(&format!("nothing to end: the job is {}, or somebody has asked already", row.status())),
        Some(_) => screen.next(&format!("`doorbell jobs watch '{}'` shows how it ends", row.key)),
    }
    Ok(Outcome::Done)
}

/// Writes the wish into the row. A worker's sweep finds it there: the row is due now.
async fn mark(ledger: &Table, row: &Row, now: Timestamp) -> Result<bool, Failure> {
    let mut row = row.clone();
    for _ in 0..MOST_CONFLICTS {
        let writer = format!("doorbell-{}-{}", std::process::id(), now.as_millis());
        let Some(wished) = row.canceled(now, "the owner asks to cancel the job", writer) else { return Ok(false) };
        match ledger.update(std::slice::from_ref(&wished)).await.pop() {
            Some(Ok(Update::Written)) => return Ok(true),
            Some(Ok(Update::Conflict)) => row = find(ledger, row.key.as_str()).await?,
            Some(Err(error)) => {
                return Err(Failure::not_done(format!("AWS: {error}"), "may these credentials dynamodb:UpdateItem?"));
            }
            None => break,
        }
    }
    Err(Failure::not_done("the row changes faster than it can be written", "try again"))
}

/// The request that cancels a job is its own, with another action.
fn cancel_request(row: &Row) -> Result<Request, Failure> {
    // Without an id of its own the request's key holds the id of its SNS message; a request may bear that one, too.
    Ok(Request { action: Action::Cancel, id: Some(own_id(row)?), ..row.request.clone() })
}

fn own_id(row: &Row) -> Result<RequestId, Failure> {
    let id = row.key.as_str().split('#').nth(1).unwrap_or_default();
    id.parse().map_err(|rule: String| Failure::not_done(rule, "cancel it by the ledger: without --by-request"))
}

/// Publishes the job's request again, under another id: a job of its own.
///
/// # Errors
/// There is no such job, or it could not be published.
pub(crate) async fn rerun(
    ledger: &Table,
    topic: &Topic,
    name: &str,
    now: Timestamp,
    screen: Screen,
) -> Result<Outcome, Failure> {
    let row = find(ledger, name).await?;
    let request = again(&row, now)?;
    let message_id = topic.publish(&request).await?;
    let job = JobKey::of(&request, &message_id).map_err(|rule| Failure::not_done(rule, "see `doorbell jobs list`"))?;
    let again = Again { job: job.to_string(), of: row.key.to_string(), message_id };
    screen.result(&again, || vec![again.job.clone()])?;
    screen.next(&format!("`doorbell logs -f '{}'` follows it", again.job));
    Ok(Outcome::Done)
}

fn again(row: &Row, now: Timestamp) -> Result<Request, Failure> {
    let id = format!("rerun-{}", now.as_millis());
    let id = id.parse().map_err(|rule: String| Failure::not_done(rule, "is this machine's clock right?"))?;
    Ok(Request { id: Some(id), ..row.request.clone() })
}

/// The topic of requests.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) arn: String,
}

impl Topic {
    async fn publish(&self, request: &Request) -> Result<String, Failure> {
        let call = self.sns.publish().topic_arn(&self.arn).message(request.to_json());
        let answer = call.send().await.map_err(|error| call_failed("Publish", error))?;
        Ok(answer.message_id.unwrap_or_default())
    }
}
