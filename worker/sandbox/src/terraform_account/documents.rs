//! Policies and other documents, in a form in which two of them can be compared.
use serde_json::{Value, json};

/// A placeholder for what differs between installations: names of build projects, publishers and secrets.
pub(super) const INSTALLATION_SPECIFIC: &str = "the installation's own";

/// A document in a string, normalized for comparison: a list of one equals its element, and order is ignored.
pub(super) fn parse_document(text: &Value) -> anyhow::Result<Value> {
    match text.as_str().filter(|text| !text.is_empty()) {
        Some(text) => Ok(normalize(serde_json::from_str(text)?)),
        None => Ok(Value::Null),
    }
}

/// The document with this field's value blanked, at any depth.
pub(super) fn mask_field(value: Value, field: &str) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(|value| mask_field(value, field)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| {
                let value = if name == field { json!(INSTALLATION_SPECIFIC) } else { mask_field(value, field) };
                (name, value)
            })
            .collect(),
        other => other,
    }
}

/// A statement's id grants nothing.
pub(super) fn without_sids(mut policy: Value) -> Value {
    if let Some(statement) = policy["Statement"].as_object_mut() {
        statement.remove("Sid");
    }
    policy
}

pub(super) fn normalize(value: Value) -> Value {
    match value {
        Value::Array(mut list) if list.len() == 1 => normalize(list.remove(0)),
        Value::Array(list) => {
            let mut list: Vec<Value> = list.into_iter().map(normalize).collect();
            list.sort_by_key(Value::to_string);
            list.into()
        }
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, normalize(value))).collect(),
        other => other,
    }
}

/// A policy's statements that deny.
pub(super) fn denials(mut policy: Value) -> Value {
    if let Some(statements) = policy["Statement"].as_array_mut() {
        statements.retain(|statement| statement["Effect"] == "Deny");
    }
    policy
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse_document;

    #[test]
    fn parsed_policy_unwraps_single_items_and_sorts_lists() {
        let text = json!(r#"{"Statement":[{"Action":["sqs:*"],"Resource":["b","a"]}]}"#);
        assert_eq!(
            parse_document(&text).unwrap(),
            json!({ "Statement": { "Action": "sqs:*", "Resource": ["a", "b"] } })
        );
    }
}
