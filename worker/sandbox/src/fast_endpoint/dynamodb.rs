//! DynamoDB's calls, as far as the worker makes them.
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::api_error::{ApiError, ApiResult};
use super::expression::{Bindings, Condition, ExpressionParser, Item};
use super::state::{EndpointState, SharedState};
use super::table::{FastTable, IndexQuery, key_of};

/// The input of any of the calls. A field that this endpoint does not support is rejected by name.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TableCall {
    table_name: String,
    #[serde(default)]
    key: Item,
    #[serde(default)]
    item: Item,
    condition_expression: Option<String>,
    update_expression: Option<String>,
    key_condition_expression: Option<String>,
    #[serde(default)]
    expression_attribute_names: HashMap<String, String>,
    #[serde(default)]
    expression_attribute_values: HashMap<String, Value>,
    /// Reads are always consistent here.
    #[serde(default, rename = "ConsistentRead")]
    _consistent_read: bool,
    index_name: Option<String>,
    limit: Option<usize>,
    scan_index_forward: Option<bool>,
    exclusive_start_key: Option<Item>,
}

/// A page's length without a limit; DynamoDB's is 1 MB.
const DEFAULT_LIMIT: usize = 1000;

/// Executes a call.
pub(super) fn call(state: &SharedState, operation: &str, body: &[u8]) -> ApiResult {
    let mut call: TableCall = serde_json::from_slice(body)?;
    let bindings = Bindings {
        names: std::mem::take(&mut call.expression_attribute_names),
        values: std::mem::take(&mut call.expression_attribute_values),
    };
    state.change(|state| {
        if state.table_name != call.table_name {
            return Err(ApiError::new("ResourceNotFoundException", format!("there is no table {}", call.table_name)));
        }
        match operation {
            "DescribeTable" => Ok(json!({ "Table": state.table.description() })),
            "GetItem" => {
                let item = state.table.get(key(&call.key)?);
                Ok(item.map_or_else(|| json!({}), |item| json!({ "Item": item })))
            }
            "PutItem" => {
                let key = key(&call.item)?.to_owned();
                let put = |item: &mut Item| {
                    *item = call.item.clone();
                    Ok(())
                };
                write(state, &key, condition(&call, &bindings)?.as_ref(), put)
            }
            "UpdateItem" => {
                let text = call.update_expression.as_deref().unwrap_or_default();
                let update = ExpressionParser::update(text, &bindings)?;
                let change = |item: &mut Item| {
                    item.extend(call.key.clone());
                    update.apply(item)
                };
                write(state, key(&call.key)?, condition(&call, &bindings)?.as_ref(), change)
            }
            "DeleteItem" => {
                let delete = |item: &mut Item| {
                    item.clear();
                    Ok(())
                };
                write(state, key(&call.key)?, condition(&call, &bindings)?.as_ref(), delete)
            }
            "Query" => query(&state.table, &call, &bindings),
            other => Err(ApiError::unsupported(other)),
        }
    })
}

fn write(
    state: &mut EndpointState,
    key: &str,
    condition: Option<&Condition>,
    change: impl FnOnce(&mut Item) -> Result<(), ApiError>,
) -> ApiResult {
    state.table.write(key, condition, change)?;
    state.counts.record_write(key);
    Ok(json!({}))
}

fn condition(call: &TableCall, bindings: &Bindings) -> Result<Option<Condition>, ApiError> {
    call.condition_expression.as_deref().map(|text| ExpressionParser::condition(text, bindings)).transpose()
}

fn query(table: &FastTable, call: &TableCall, bindings: &Bindings) -> ApiResult {
    let index = call.index_name.as_deref().ok_or_else(|| ApiError::unsupported("a Query without an index"))?;
    let text = call.key_condition_expression.as_deref().unwrap_or_default();
    let condition = ExpressionParser::condition(text, bindings)?;
    let hash = condition
        .equal_to(table.hash_key(index)?)
        .ok_or_else(|| ApiError::validation("Query condition missed key schema element"))?;
    let page = table.query(&IndexQuery {
        index,
        condition: &condition,
        hash,
        is_forward: call.scan_index_forward.unwrap_or(true),
        limit: call.limit.unwrap_or(DEFAULT_LIMIT),
        start_after: call.exclusive_start_key.clone(),
    })?;
    let mut answer = json!({ "Items": page.keys, "Count": page.keys.len(), "ScannedCount": page.keys.len() });
    if let Some(last) = page.last {
        answer["LastEvaluatedKey"] = Value::Object(last);
    }
    Ok(answer)
}

fn key(item: &Item) -> Result<&str, ApiError> {
    key_of(item).ok_or_else(|| ApiError::validation("The provided key element does not match the schema"))
}
