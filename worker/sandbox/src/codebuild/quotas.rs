//! Service Quotas' GetServiceQuota for concurrent builds: the account's limit of this CodeBuild, which all machines share.
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::CodeBuildError;
use super::http::{authorize_call, verify};
use super::services::PermissionCheck;
use super::simulator::CodeBuildSimulator;

pub(super) const TARGET_PREFIX: &str = "ServiceQuotasV20190624.";
/// Codes and machines, as AWS names them. This CodeBuild has no other machine's quota.
const QUOTAS: [(&str, &str); 2] = [("L-9D07B6EF", "Linux/Small"), ("L-2DC20C30", "Linux/Medium")];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetServiceQuotaInput {
    service_code: String,
    quota_code: String,
}

/// # Errors
/// The signature, the permission, the operation or the quota is not valid.
pub(super) async fn handle_call(
    simulator: &CodeBuildSimulator,
    operation: &str,
    parts: &Parts,
    body: &[u8],
) -> Result<Value, CodeBuildError> {
    if operation != "GetServiceQuota" {
        let message = format!("this sandbox's Service Quotas does not support {operation:?}");
        return Err(CodeBuildError::new("UnknownOperationException", message));
    }
    let caller = verify(simulator, "servicequotas", parts, body)?;
    let input: GetServiceQuotaInput = serde_json::from_slice(body)
        .map_err(|error| CodeBuildError::new("IllegalArgumentException", error.to_string()))?;
    let GetServiceQuotaInput { service_code, quota_code } = input;
    let (region, account) = (&simulator.options.region, &simulator.options.account);
    let resource = format!("arn:aws:servicequotas:{region}:{account}:{service_code}/{quota_code}");
    let action = format!("servicequotas:{operation}");
    let call = PermissionCheck { action, resource, context: Vec::new() };
    authorize_call(simulator, &caller, &call).await?;
    let machine = QUOTAS.iter().find(|(code, _)| service_code == "codebuild" && quota_code == *code);
    let (_, machine) = machine.ok_or_else(|| {
        CodeBuildError::new("NoSuchResourceException", "The request failed because the specified quota does not exist.")
    })?;
    let limit = u32::try_from(simulator.settings().account_limit).map_err(CodeBuildError::internal)?;
    Ok(json!({ "Quota": {
        "ServiceCode": service_code,
        "ServiceName": "AWS CodeBuild",
        "QuotaArn": call.resource,
        "QuotaCode": quota_code,
        "QuotaName": format!("Concurrently running builds for {machine} environment"),
        "Value": f64::from(limit),
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
    }}))
}
