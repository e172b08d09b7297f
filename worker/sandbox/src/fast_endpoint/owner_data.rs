//! The owner's secrets in Secrets Manager, and STS's answer.
use serde_json::{Value, json};

use super::api_error::{ApiError, ApiResult};
use super::state::SharedState;
use crate::account::definition::ACCOUNT_ID;

/// The session of the worker's role, as STS and CodeBuild show it.
pub(super) const CALLER: &str = "doorbell-worker/fast-endpoint";

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
