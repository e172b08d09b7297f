use std::cmp::Ordering;

use serde_json::Value;

use super::super::api_error::ApiError;

/// The number of an attribute value `{"N": "12"}`.
pub(in super::super) fn number(value: &Value) -> Option<f64> {
    value.get("N")?.as_str()?.parse().ok()
}

/// Compares two attribute values of the same type; none where DynamoDB has no order.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return left.partial_cmp(&right);
    }
    let string = |value: &'_ Value| value.get("S").and_then(Value::as_str).map(str::to_owned);
    match (string(left), string(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => (left == right).then_some(Ordering::Equal),
    }
}

/// The result of `size(attribute)`: characters of a string, elements of a set or list.
pub(super) fn size(value: &Value) -> Option<usize> {
    let (kind, content) = value.as_object()?.iter().next()?;
    match (kind.as_str(), content) {
        ("S" | "B", Value::String(text)) => Some(text.len()),
        ("SS" | "NS" | "BS" | "L", Value::Array(elements)) => Some(elements.len()),
        ("M", Value::Object(entries)) => Some(entries.len()),
        _ => None,
    }
}

/// Whether a string holds a substring, or a set or list an element.
pub(super) fn contains(value: &Value, operand: &Value) -> bool {
    let text = operand.get("S").or_else(|| operand.get("N"));
    match (value.get("S").and_then(Value::as_str), operand.get("S").and_then(Value::as_str)) {
        (Some(whole), Some(part)) => whole.contains(part),
        _ => {
            let set = value.get("SS").or_else(|| value.get("NS")).and_then(Value::as_array);
            set.is_some_and(|set| set.iter().any(|element| Some(element) == text))
        }
    }
}

/// The sum or difference of two numbers, as an attribute value.
pub(super) fn add(left: &Value, right: &Value, sign: i64) -> Result<Value, ApiError> {
    let whole = |value: &Value| value.get("N").and_then(Value::as_str).and_then(|text| text.parse::<i64>().ok());
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Ok(serde_json::json!({ "N": (left + sign * right).to_string() })),
        _ => Err(ApiError::validation("An operand in the update expression has an incorrect data type")),
    }
}

/// The set with the elements of another added or removed; none if nothing is left.
pub(super) fn change_set(set: Option<&Value>, change: &Value, is_added: bool) -> Result<Option<Value>, ApiError> {
    let incorrect = || ApiError::validation("An operand in the update expression has an incorrect data type");
    let (kind, elements) = change.as_object().and_then(|value| value.iter().next()).ok_or_else(incorrect)?;
    let elements = elements.as_array().filter(|_| matches!(kind.as_str(), "SS" | "NS")).ok_or_else(incorrect)?;
    let mut result: Vec<Value> = match set {
        Some(set) => set.get(kind).and_then(Value::as_array).cloned().ok_or_else(incorrect)?,
        None => Vec::new(),
    };
    result.retain(|element| !elements.contains(element));
    if is_added {
        result.extend(elements.iter().cloned());
    }
    Ok((!result.is_empty()).then(|| serde_json::json!({ kind.as_str(): result })))
}
