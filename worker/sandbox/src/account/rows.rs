//! The ledger's rows as plain JSON.
use serde_json::{Map, Value, json};

use super::SandboxAccount;
use super::definition::JOBS_TABLE;
use crate::aws::{AwsClient, AwsError};

impl SandboxAccount {
    /// Every row of the table, read consistently, in no particular order.
    pub async fn rows(&self) -> Result<Vec<Value>, AwsError> {
        rows(&self.root).await
    }
}

/// [`SandboxAccount::rows`] for the account that the client's key belongs to.
pub(crate) async fn rows(root: &AwsClient) -> Result<Vec<Value>, AwsError> {
    let mut rows = Vec::new();
    let mut request = json!({ "TableName": JOBS_TABLE, "ConsistentRead": true });
    loop {
        let page = root.json("dynamodb", "DynamoDB_20120810.Scan", request.clone()).await?;
        // Items whose key begins with `#` are no rows: the heartbeat and the projects.
        let is_row = |item: &&Value| !item["pk"]["S"].as_str().unwrap_or_default().starts_with('#');
        let items = page["Items"].as_array().into_iter().flatten().filter(is_row);
        rows.extend(items.map(plain_item));
        match page.get("LastEvaluatedKey") {
            Some(key) => request["ExclusiveStartKey"] = key.clone(),
            None => return Ok(rows),
        }
    }
}

fn plain_item(attributes: &Value) -> Value {
    let attributes = attributes.as_object().into_iter().flatten();
    Value::Object(attributes.map(|(name, typed)| (name.clone(), plain_value(typed))).collect::<Map<_, _>>())
}

/// Converts DynamoDB's `{"N": "5"}` to `5`. A type that no row uses is left as it is.
fn plain_value(typed: &Value) -> Value {
    let Some((kind, value)) = typed.as_object().and_then(|typed| typed.iter().next()) else {
        return typed.clone();
    };
    match kind.as_str() {
        "S" | "BOOL" | "SS" => value.clone(),
        "N" => value.as_str().and_then(|digits| digits.parse().ok()).map_or_else(|| value.clone(), Value::Number),
        "NULL" => Value::Null,
        "M" => plain_item(value),
        "L" => Value::Array(value.as_array().into_iter().flatten().map(plain_value).collect()),
        _ => typed.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_attributes_become_plain_json() {
        let typed = json!({
            "pk": { "S": "demo" }, "rev": { "N": "3" }, "delivered": { "BOOL": true }, "end": { "NULL": true },
            "report": { "M": { "at": { "N": "1.5" } } }, "trail": { "L": [{ "S": "a" }, { "N": "-2" }] },
            "blob": { "B": "AA==" },
        });
        let expected = json!({
            "pk": "demo", "rev": 3, "delivered": true, "end": null,
            "report": { "at": 1.5 }, "trail": ["a", -2],
            "blob": { "B": "AA==" },
        });
        assert_eq!(plain_item(&typed), expected);
    }
}
