//! Backdates rows, since some rules wait for minutes and a test cannot.
use std::time::Duration;

use anyhow::Context;
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
}

/// [`Sandbox::backdate_job`] for the account that the client's key belongs to.
pub(crate) async fn backdate_row(root: &AwsClient, key: &str, by: Duration) -> anyhow::Result<()> {
    let items = rows(root).await?;
    let item = items.iter().find(|item| item["pk"] == key).with_context(|| format!("there is no row {key}"))?;
    backdate_item(root, item, by).await
}

async fn backdate_item(root: &AwsClient, item: &Value, by: Duration) -> anyhow::Result<()> {
    let by = i64::try_from(by.as_millis())?;
    let key = item["pk"].as_str().context("the row has no key")?;
    let mut row: Value = serde_json::from_str(item["row"].as_str().unwrap_or_default())?;
    shift_times(&mut row, by);
    let due_at = item["due_at"].as_i64().context("the row has no due time")? - by;
    let update = json!({
        "TableName": JOBS_TABLE,
        "Key": { "pk": { "S": key } },
        "UpdateExpression": "SET #row = :row, due_at = :due_at",
        "ExpressionAttributeNames": { "#row": "row" },
        "ExpressionAttributeValues": { ":row": { "S": row.to_string() }, ":due_at": { "N": due_at.to_string() } },
    });
    root.json("dynamodb", "DynamoDB_20120810.UpdateItem", update).await?;
    Ok(())
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
