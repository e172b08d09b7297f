//! Backdates rows, since some rules wait for minutes and a test cannot.
//!
//! A row is written only over the revision that was read: a killed worker's last call may still arrive.
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::account::definition::JOBS_TABLE;
use crate::account::rows;
use crate::aws::AwsClient;
use crate::sandbox::Sandbox;

impl Sandbox {
    /// Backdates a row, as if its worker had been gone for that long. No worker may run meanwhile.
    ///
    /// # Errors
    /// There is no such row, or the table cannot be written.
    pub async fn backdate_job(&self, key: &str, by: Duration) -> anyhow::Result<()> {
        backdate_row(self.account.root(), key, by).await
    }

    /// Backdates every unsettled row and returns their number. No worker may run meanwhile.
    ///
    /// # Errors
    /// The table cannot be read or written.
    pub async fn backdate_unsettled_jobs(&self, by: Duration) -> anyhow::Result<usize> {
        let items = self.account.rows().await?;
        let unsettled: Vec<&Value> = items.iter().filter(|item| item["due_at"].is_number()).collect();
        for item in &unsettled {
            backdate_item(self.account.root(), item, by).await?;
        }
        Ok(unsettled.len())
    }

    /// Makes each phase that waits for a time due now, and returns their number. No worker may run meanwhile.
    ///
    /// All other times stay: a start token is as old as before, and its next use is the same call.
    ///
    /// # Errors
    /// The table cannot be read or written.
    pub async fn make_phases_due(&self) -> anyhow::Result<usize> {
        let now = jiff::Timestamp::now().as_millisecond();
        let mut count = 0;
        for item in self.account.rows().await? {
            let mut row = parse_row(&item)?;
            if item["due_at"].is_number() && row["phase_due_at"].is_number() {
                row["phase_due_at"] = now.into();
                count += usize::from(write_row(self.account.root(), &item, &row, now).await?);
            }
        }
        Ok(count)
    }
}

impl Sandbox {
    /// Makes each claim of a done event that has no outcome expire, and returns their number. No worker may run meanwhile.
    ///
    /// All other times stay: the event is made of them.
    ///
    /// # Errors
    /// The table cannot be read or written.
    pub async fn expire_done_event_claims(&self) -> anyhow::Result<usize> {
        let now = jiff::Timestamp::now().as_millisecond();
        let mut count = 0;
        for item in self.account.rows().await? {
            let mut row = parse_row(&item)?;
            let claim = &mut row["done_event"]["in_flight"];
            if let Some(at) = claim.as_i64() {
                *claim = (at - i64::try_from(CLAIM_LEASE.as_millis())?).into();
                row["done_event"]["due_at"] = now.into();
                count += usize::from(write_row(self.account.root(), &item, &row, now).await?);
            }
        }
        Ok(count)
    }
}

/// Longer than a claim's lease.
const CLAIM_LEASE: Duration = Duration::from_secs(61);

/// [`Sandbox::backdate_job`] for the account that the client's key belongs to.
pub(crate) async fn backdate_row(root: &AwsClient, key: &str, by: Duration) -> anyhow::Result<()> {
    let items = rows(root).await?;
    let item = items.iter().find(|item| item["pk"] == key).with_context(|| format!("there is no row {key}"))?;
    backdate_item(root, item, by).await
}

async fn backdate_item(root: &AwsClient, item: &Value, by: Duration) -> anyhow::Result<()> {
    let by = i64::try_from(by.as_millis())?;
    let mut row = parse_row(item)?;
    shift_times(&mut row, by);
    let due_at = item["due_at"].as_i64().context("the row has no due time")? - by;
    ensure!(write_row(root, item, &row, due_at).await?, "the row {} changed meanwhile", item["pk"]);
    Ok(())
}

fn parse_row(item: &Value) -> anyhow::Result<Value> {
    serde_json::from_str(item["row"].as_str().unwrap_or_default()).context("a row is no JSON")
}

/// Writes a row that was read as `item`. `false`: it has another revision now.
async fn write_row(root: &AwsClient, item: &Value, row: &Value, due_at: i64) -> anyhow::Result<bool> {
    let update = json!({
        "TableName": JOBS_TABLE,
        "Key": { "pk": { "S": item["pk"].as_str().context("the row has no key")? } },
        "UpdateExpression": "SET #row = :row, due_at = :due_at",
        "ConditionExpression": "rev = :rev",
        "ExpressionAttributeNames": { "#row": "row" },
        "ExpressionAttributeValues": {
            ":row": { "S": row.to_string() },
            ":due_at": { "N": due_at.to_string() },
            ":rev": { "N": item["rev"].to_string() },
        },
    });
    match root.json("dynamodb", "DynamoDB_20120810.UpdateItem", update).await {
        Ok(_) => Ok(true),
        Err(error) if error.code == "ConditionalCheckFailedException" => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Every number of a row above this is a time in milliseconds.
const MIN_TIMESTAMP_MS: i64 = 1_000_000_000_000;

fn shift_times(value: &mut Value, by: i64) {
    match value {
        Value::Number(number) => {
            if let Some(time) = number.as_i64().filter(|time| *time > MIN_TIMESTAMP_MS) {
                *value = (time - by).into();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| shift_times(value, by)),
        Value::Object(map) => map.values_mut().for_each(|value| shift_times(value, by)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
