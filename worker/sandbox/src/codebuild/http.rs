//! The server's three doors: the API, a build's log, a build's credentials.
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

use super::action::Action;
use super::machine::log_path;
use super::refusal::Refusal;
use super::services::Call;
use super::signature;
use super::site::Site;
use crate::credentials::Key;

/// Far more than the largest StartBuild.
const LARGEST_CALL: usize = 1024 * 1024;
const TARGET: &str = "CodeBuild_20161006.";

pub(super) fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", post(api))
        .route("/builds/{uuid}/log", get(log))
        .route("/builds/{uuid}/credentials", get(credentials))
        .with_state(site)
}

async fn api(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answer = match to_bytes(body, LARGEST_CALL).await {
        Ok(body) => answer(&site, &parts, body).await,
        Err(error) => Err(Refusal::new("SerializationException", error.to_string())),
    };
    match answer {
        Ok(value) => ([(CONTENT_TYPE, "application/x-amz-json-1.1")], value.to_string()).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(site: &Arc<Site>, parts: &Parts, body: Bytes) -> Result<Value, Refusal> {
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let name = target.and_then(|target| target.strip_prefix(TARGET)).unwrap_or_default();
    let action = Action::parse(name).ok_or_else(|| {
        Refusal::new("UnknownOperationException", format!("this sandbox's CodeBuild has no {name:?}"))
    })?;
    site.count(action);
    let caller = signature::verify(&site.options.keys, &site.options.region, parts, &body, Timestamp::now())?;
    let input: Value =
        serde_json::from_slice(&body).map_err(|error| Refusal::new("SerializationException", error.to_string()))?;
    authorize(site, &caller, action, &input).await?;
    let outcome = action.execute(site, input, &caller);
    hold(site, action).await;
    outcome
}

/// Asks the account's IAM. The root user builds the world and is not asked about.
async fn authorize(site: &Site, caller: &Key, action: Action, input: &Value) -> Result<(), Refusal> {
    if caller.principal_arn.ends_with(":root") {
        return Ok(());
    }
    let permission = format!("codebuild:{}", action.name());
    for project in action.projects(input) {
        let resource = site.project_arn(&project);
        let call = Call { action: permission.clone(), resource, context: action.context(input) };
        let allowed = site.options.services.may(caller, &call).await.map_err(Refusal::internal)?;
        let Call { resource, .. } = call;
        if !allowed {
            let who = shown_principal(caller, &site.options.account);
            let message = format!(
                "User: {who} is not authorized to perform: {permission} on resource: {resource} because no \
                 identity-based policy allows the {permission} action"
            );
            return Err(Refusal::new("AccessDeniedException", message));
        }
    }
    site.books().used.insert((caller.principal_arn.clone(), permission));
    Ok(())
}

/// AWS names a role by its session.
fn shown_principal(caller: &Key, account: &str) -> String {
    if caller.session_token.is_some() {
        format!("arn:aws:sts::{account}:assumed-role/{}", caller.initiator)
    } else {
        caller.principal_arn.clone()
    }
}

/// The call is done; only its reply waits, so that a test can kill the caller meanwhile.
async fn hold(site: &Site, action: Action) {
    let is_held = |held: &super::site::Held| held.action.as_deref() == Some(action.name());
    let mut released = site.held.subscribe();
    if site.held.send_if_modified(|held| {
        held.count += usize::from(is_held(held));
        is_held(held)
    }) {
        // The sender is the site's own and outlives this.
        let _ = released.wait_for(|held| !is_held(held)).await;
    }
}

async fn log(State(site): State<Arc<Site>>, Path(uuid): Path<String>) -> Response {
    // Only a build's own name leads to a file: the path comes from whoever has the link.
    let known = site.books().builds().iter().any(|build| build.uuid == uuid);
    if !known {
        return (StatusCode::NOT_FOUND, "there is no such build\n").into_response();
    }
    // A build in the queue has no log yet.
    let text = tokio::fs::read(log_path(&site.options.work_dir, &uuid)).await.unwrap_or_default();
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

async fn credentials(State(site): State<Arc<Site>>, Path(uuid): Path<String>, headers: HeaderMap) -> Response {
    let token = headers.get(AUTHORIZATION).and_then(|token| token.to_str().ok()).unwrap_or_default();
    match site.lent.show(&uuid, token) {
        Some(credentials) => axum::Json(credentials).into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}
