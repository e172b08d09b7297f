//! SSM's calls.
use std::collections::BTreeMap;
use std::ops::Bound;

use serde::Deserialize;
use serde_json::{Value, json};

use super::api_error::{ApiError, ApiResult};
use super::state::SharedState;

/// The most names of one GetParameters, and the most parameters of one page: SSM's limits.
const MAX_NAMES: usize = 10;
const MAX_PAGE: usize = 10;

/// The input of any of the calls. Every parameter here is a String, so decryption changes nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ParameterInput {
    #[serde(default)]
    name: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    path: String,
    #[serde(default)]
    recursive: bool,
    max_results: Option<usize>,
    next_token: Option<String>,
    #[serde(default, rename = "WithDecryption")]
    _with_decryption: bool,
}

/// Executes a call.
pub(super) fn call(state: &SharedState, operation: &str, body: &[u8]) -> ApiResult {
    let input: ParameterInput = serde_json::from_slice(body)?;
    state.change(|state| match operation {
        "GetParameter" => one(&state.parameters, &input.name),
        "GetParameters" => named(&state.parameters, &input.names),
        "GetParametersByPath" => page(&state.parameters, &input),
        other => Err(ApiError::unsupported(other)),
    })
}

fn one(parameters: &BTreeMap<String, String>, name: &str) -> ApiResult {
    match parameters.get(name) {
        Some(text) => Ok(json!({ "Parameter": parameter(name, text) })),
        None => Err(ApiError::new("ParameterNotFound", format!("there is no parameter {name}"))),
    }
}

fn named(parameters: &BTreeMap<String, String>, names: &[String]) -> ApiResult {
    if names.is_empty() || names.len() > MAX_NAMES {
        return Err(ApiError::validation(format!("expected 1 to {MAX_NAMES} names, got {}", names.len())));
    }
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match parameters.get(name) {
            Some(text) => found.push(parameter(name, text)),
            None => missing.push(name),
        }
    }
    Ok(json!({ "Parameters": found, "InvalidParameters": missing }))
}

/// One page of a path, sorted by name. The token is the last name of the page before it.
fn page(parameters: &BTreeMap<String, String>, input: &ParameterInput) -> ApiResult {
    let max = input.max_results.unwrap_or(MAX_PAGE);
    if max == 0 || max > MAX_PAGE {
        return Err(ApiError::validation(format!("MaxResults is {max}, not 1 to {MAX_PAGE}")));
    }
    let prefix = format!("{}/", input.path.trim_end_matches('/'));
    let after = input.next_token.as_deref().unwrap_or(&prefix);
    if !after.starts_with(&prefix) {
        return Err(ApiError::new("InvalidNextToken", "The specified token isn't valid."));
    }
    let mut below = parameters
        .range::<str, _>((Bound::Excluded(after), Bound::Unbounded))
        .take_while(|(name, _)| name.starts_with(&prefix))
        .filter(|(name, _)| input.recursive || !name[prefix.len()..].contains('/'));
    let page: Vec<(&String, &String)> = below.by_ref().take(max).collect();
    let mut answer = json!({ "Parameters": page.iter().map(|(name, text)| parameter(name, text)).collect::<Vec<_>>() });
    if let Some((last, _)) = page.last().filter(|_| below.next().is_some()) {
        answer["NextToken"] = json!(last);
    }
    Ok(answer)
}

fn parameter(name: &str, text: &str) -> Value {
    json!({ "Name": name, "Type": "String", "Value": text, "Version": 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), "{}".to_owned())).collect()
    }

    fn names(answer: &Value) -> Vec<&str> {
        let parameters = answer["Parameters"].as_array().unwrap();
        parameters.iter().map(|parameter| parameter["Name"].as_str().unwrap()).collect()
    }

    #[test]
    fn path_is_listed_in_pages_without_its_neighbours() {
        let stored = parameters(&["/p", "/p-other/x", "/p/a", "/p/b", "/p/b/deep", "/p/c", "/q/d"]);
        let mut input = ParameterInput { path: "/p".to_owned(), max_results: Some(2), ..Default::default() };
        let first = page(&stored, &input).unwrap();
        assert_eq!(names(&first), ["/p/a", "/p/b"]);
        input.next_token = first["NextToken"].as_str().map(str::to_owned);
        let last = page(&stored, &input).unwrap();
        assert_eq!((names(&last), &last["NextToken"]), (vec!["/p/c"], &Value::Null));
        input = ParameterInput { path: "/p/".to_owned(), recursive: true, ..Default::default() };
        assert_eq!(names(&page(&stored, &input).unwrap()), ["/p/a", "/p/b", "/p/b/deep", "/p/c"]);
    }

    #[test]
    fn page_holds_ten_parameters_at_most() {
        let eleven: Vec<String> = (0..11).map(|number| format!("/p/{number:02}")).collect();
        let stored = parameters(&eleven.iter().map(String::as_str).collect::<Vec<_>>());
        let mut input = ParameterInput { path: "/p".to_owned(), ..Default::default() };
        let first = page(&stored, &input).unwrap();
        assert_eq!((names(&first).len(), &first["NextToken"]), (10, &json!("/p/09")));
        input.max_results = Some(11);
        assert_eq!(page(&stored, &input).unwrap_err().code(), "ValidationException");
        input = ParameterInput { path: "/p".to_owned(), next_token: Some("/q/1".to_owned()), ..Default::default() };
        assert_eq!(page(&stored, &input).unwrap_err().code(), "InvalidNextToken");
        assert_eq!(named(&stored, &eleven).unwrap_err().code(), "ValidationException");
    }

    #[test]
    fn unknown_names_are_answered_as_by_ssm() {
        let stored = parameters(&["/p/a"]);
        assert_eq!(one(&stored, "/p/b").unwrap_err().code(), "ParameterNotFound");
        let answer = named(&stored, &["/p/b".to_owned(), "/p/a".to_owned()]).unwrap();
        assert_eq!((names(&answer), &answer["InvalidParameters"]), (vec!["/p/a"], &json!(["/p/b"])));
    }
}
