//! The server's routes: the API, a build's log, a build's credentials.
use std::sync::Arc;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::Value;

use super::action::ApiAction;
use super::error::CodeBuildError;
use super::machine::log_path;
use super::quotas;
use super::services::PermissionCheck;
use super::signature;
use super::simulator::CodeBuildSimulator;
use crate::credentials::AccessKey;

/// Far larger than the largest StartBuild.
const MAX_CALL_BYTES: usize = 1024 * 1024;
const TARGET_PREFIX: &str = "CodeBuild_20161006.";

pub(super) fn router(simulator: Arc<CodeBuildSimulator>) -> Router {
    Router::new()
        .route("/", post(handle_api))
        .route("/builds/{uuid}/log", get(get_log))
        .route("/builds/{uuid}/credentials", get(get_credentials))
        .with_state(simulator)
}

async fn handle_api(State(simulator): State<Arc<CodeBuildSimulator>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let response = match to_bytes(body, MAX_CALL_BYTES).await {
        Ok(body) => handle_call(&simulator, &parts, body).await,
        Err(error) => Err(CodeBuildError::new("SerializationException", error.to_string())),
    };
    match response {
        Ok(value) => ([(CONTENT_TYPE, "application/x-amz-json-1.1")], value.to_string()).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn handle_call(simulator: &Arc<CodeBuildSimulator>, parts: &Parts, body: Bytes) -> Result<Value, CodeBuildError> {
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    if let Some(name) = target.and_then(|target| target.strip_prefix(quotas::TARGET_PREFIX)) {
        return quotas::handle_call(simulator, name, parts, &body).await;
    }
    let name = target.and_then(|target| target.strip_prefix(TARGET_PREFIX)).unwrap_or_default();
    let action = ApiAction::parse(name).ok_or_else(|| {
        CodeBuildError::new("UnknownOperationException", format!("this sandbox's CodeBuild does not support {name:?}"))
    })?;
    simulator.count_call(action);
    let caller = verify(simulator, "codebuild", parts, &body)?;
    let input: Value = serde_json::from_slice(&body)
        .map_err(|error| CodeBuildError::new("SerializationException", error.to_string()))?;
    authorize(simulator, &caller, action, &input).await?;
    let outcome = action.execute(simulator, input, &caller);
    hold_reply(simulator, action).await;
    outcome
}

/// The key that signed this call of the service.
///
/// # Errors
/// As for [`signature::verify`].
pub(super) fn verify(
    simulator: &CodeBuildSimulator,
    service: &str,
    parts: &Parts,
    body: &[u8],
) -> Result<AccessKey, CodeBuildError> {
    let options = &simulator.options;
    signature::verify(&options.keys, service, &options.region, parts, body, Timestamp::now())
}

async fn authorize(
    simulator: &CodeBuildSimulator,
    caller: &AccessKey,
    action: ApiAction,
    input: &Value,
) -> Result<(), CodeBuildError> {
    let permission = format!("codebuild:{}", action.name());
    for project in action.projects(input) {
        let resource = simulator.project_arn(&project);
        let call = PermissionCheck { action: permission.clone(), resource, context: action.context(input) };
        authorize_call(simulator, caller, &call).await?;
    }
    Ok(())
}

/// Checks the caller's permission with the account's IAM. The root user, who creates the account, is not checked.
///
/// # Errors
/// `AccessDeniedException`.
pub(super) async fn authorize_call(
    simulator: &CodeBuildSimulator,
    caller: &AccessKey,
    call: &PermissionCheck,
) -> Result<(), CodeBuildError> {
    if caller.principal_arn.ends_with(":root") {
        return Ok(());
    }
    if !simulator.options.services.is_allowed(caller, call).await.map_err(CodeBuildError::internal)? {
        let who = displayed_principal(caller, &simulator.options.account);
        let PermissionCheck { action, resource, .. } = call;
        let message = format!(
            "User: {who} is not authorized to perform: {action} on resource: {resource} because no \
             identity-based policy allows the {action} action"
        );
        return Err(CodeBuildError::new("AccessDeniedException", message));
    }
    simulator.state().used_actions.insert((caller.principal_arn.clone(), call.action.clone()));
    Ok(())
}

/// AWS names a role by its session.
fn displayed_principal(caller: &AccessKey, account: &str) -> String {
    if caller.session_token.is_some() {
        format!("arn:aws:sts::{account}:assumed-role/{}", caller.initiator)
    } else {
        caller.principal_arn.clone()
    }
}

/// Holds the reply of an executed call, so that a test can kill the caller meanwhile.
async fn hold_reply(simulator: &CodeBuildSimulator, action: ApiAction) {
    let is_held = |held: &super::simulator::HeldReplies| held.action.as_deref() == Some(action.name());
    let mut released = simulator.held_replies.subscribe();
    if simulator.held_replies.send_if_modified(|held| {
        held.count += usize::from(is_held(held));
        is_held(held)
    }) {
        // The simulator owns the sender and outlives this.
        let _ = released.wait_for(|held| !is_held(held)).await;
    }
}

async fn get_log(State(simulator): State<Arc<CodeBuildSimulator>>, Path(uuid): Path<String>) -> Response {
    // Only a known build's name leads to a file: the caller controls the path.
    let known = simulator.state().builds().iter().any(|build| build.uuid == uuid);
    if !known {
        return (StatusCode::NOT_FOUND, "no such build\n").into_response();
    }
    // A queued build has no log yet.
    let text = tokio::fs::read(log_path(&simulator.options.work_dir, &uuid)).await.unwrap_or_default();
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

async fn get_credentials(
    State(simulator): State<Arc<CodeBuildSimulator>>,
    Path(uuid): Path<String>,
    headers: HeaderMap,
) -> Response {
    let token = headers.get(AUTHORIZATION).and_then(|token| token.to_str().ok()).unwrap_or_default();
    match simulator.credentials.credentials_json(&uuid, token) {
        Some(credentials) => axum::Json(credentials).into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}
