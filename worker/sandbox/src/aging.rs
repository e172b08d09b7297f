//! Rows that look as if time had passed: some rules wait for minutes, and a test can't.
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use crate::aws::AwsClient;
use crate::sandbox::Sandbox;
use crate::world::account::TABLE;
use crate::world::rows;

impl Sandbox {
    /// Makes a row older, as if its worker had been gone for so long. No worker may run meanwhile.
    ///
    /// # Errors
    /// There is no such row, or the table can't be written.
    pub async fn age_job(&self, key: &str, by: Duration) -> anyhow::Result<()> {
        age_row(self.world.root(), key, by).await
    }

    /// Makes every row older that is not settled; answers how many. No worker may run meanwhile.
    ///
    /// # Errors
    /// The table can't be read or written.
    pub async fn age_unsettled_jobs(&self, by: Duration) -> anyhow::Result<usize> {
        let items = self.world.rows().await?;
        let unsettled: Vec<&Value> = items.iter().filter(|item| item["due_at"].is_number()).collect();
        for item in &unsettled {
            age_item(self.world.root(), item, by).await?;
        }
        Ok(unsettled.len())
    }
}

/// [`Sandbox::age_job`], in whichever account the key is of.
pub(crate) async fn age_row(root: &AwsClient, key: &str, by: Duration) -> anyhow::Result<()> {
    let items = rows(root).await?;
    let item = items.iter().find(|item| item["pk"] == key).with_context(|| format!("there is no row {key}"))?;
    age_item(root, item, by).await
}

async fn age_item(root: &AwsClient, item: &Value, by: Duration) -> anyhow::Result<()> {
    let by = i64::try_from(by.as_millis())?;
    let key = item["pk"].as_str().context("a row without a key")?;
    let mut row: Value = serde_json::from_str(item["row"].as_str().unwrap_or_default())?;
    shift_times(&mut row, by);
    let due_at = item["due_at"].as_i64().context("the row is not due at any time")? - by;
    let update = json!({
        "TableName": TABLE,
        "Key": { "pk": { "S": key } },
        "UpdateExpression": "SET #row = :row, due_at = :due_at",
        "ExpressionAttributeNames": { "#row": "row" },
        "ExpressionAttributeValues": { ":row": { "S": row.to_string() }, ":due_at": { "N": due_at.to_string() } },
    });
    root.json("dynamodb", "DynamoDB_20120810.UpdateItem", update).await?;
    Ok(())
}

/// Every number of a row that is as large is a time in milliseconds.
const TIMES_BEGIN: i64 = 1_000_000_000_000;

fn shift_times(value: &mut Value, by: i64) {
    match value {
        Value::Number(number) => {
            if let Some(time) = number.as_i64().filter(|time| *time > TIMES_BEGIN) {
                *value = (time - by).into();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| shift_times(value, by)),
        Value::Object(map) => map.values_mut().for_each(|value| shift_times(value, by)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
