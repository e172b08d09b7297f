//! What the account's owner has stored: SSM's parameters and Secrets Manager's secrets; and STS's answer.
use serde::Deserialize;
use serde_json::{Value, json};

use super::api_error::{ApiError, ApiResult};
use super::state::SharedState;
use crate::account::definition::ACCOUNT_ID;

/// The session of the worker's role, as STS and CodeBuild show it.
pub(super) const CALLER: &str = "doorbell-worker/fast-endpoint";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ParameterInput {
    #[serde(default)]
    name: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    path: String,
}

/// Executes a call of SSM.
pub(super) fn call_ssm(state: &SharedState, operation: &str, body: &[u8]) -> ApiResult {
    let input: ParameterInput = serde_json::from_slice(body)?;
    state.change(|state| {
        let find = |name: &str| state.parameters.get(name).map(|text| parameter(name, text));
        match operation {
            "GetParameter" => match find(&input.name) {
                Some(found) => Ok(json!({ "Parameter": found })),
                None => Err(ApiError::new("ParameterNotFound", format!("there is no parameter {}", input.name))),
            },
            "GetParameters" => {
                let (found, missing): (Vec<_>, Vec<_>) =
                    input.names.iter().map(|name| (name, find(name))).partition(|(_, found)| found.is_some());
                let found: Vec<Value> = found.into_iter().filter_map(|(_, found)| found).collect();
                let missing: Vec<&String> = missing.into_iter().map(|(name, _)| name).collect();
                Ok(json!({ "Parameters": found, "InvalidParameters": missing }))
            }
            "GetParametersByPath" => {
                let prefix = format!("{}/", input.path.trim_end_matches('/'));
                let below = state.parameters.iter().filter(|(name, _)| name.starts_with(&prefix));
                Ok(json!({ "Parameters": below.map(|(name, text)| parameter(name, text)).collect::<Vec<_>>() }))
            }
            other => Err(ApiError::unsupported(other)),
        }
    })
}

fn parameter(name: &str, text: &str) -> Value {
    json!({ "Name": name, "Type": "String", "Value": text, "Version": 1 })
}

/// Executes a call of Secrets Manager.
pub(super) fn call_secrets(state: &SharedState, operation: &str, body: &[u8]) -> ApiResult {
    if operation != "GetSecretValue" {
        return Err(ApiError::unsupported(operation));
    }
    let input: Value = serde_json::from_slice(body)?;
    let id = input["SecretId"].as_str().unwrap_or_default();
    state.change(|state| match state.secrets.get(id) {
        Some(text) => Ok(json!({ "Name": id, "SecretString": text, "VersionId": "1" })),
        None => Err(ApiError::new("ResourceNotFoundException", format!("there is no secret {id}"))),
    })
}

/// GetCallerIdentity's answer, which is XML.
pub(super) fn caller_identity() -> String {
    let arn = format!("arn:aws:sts::{ACCOUNT_ID}:assumed-role/{CALLER}");
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>{arn}</Arn><UserId>AROA:fast-endpoint</UserId><Account>{ACCOUNT_ID}</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
}
