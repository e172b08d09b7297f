//! The entry of every call: it is counted, gets its latency and its fault, and is dispatched.
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::sleep;

use super::api_error::{ApiError, ApiResult};
use super::settings::EndpointFault;
use super::state::{SSM, SharedState};
use super::{builds, dynamodb, owner_data, parameters, sqs};
use crate::forge::FlagBoard;

const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// The operation under which flags are counted.
const POST_FLAG: &str = "PostFlag";

pub(super) fn router(state: Arc<SharedState>) -> Router {
    Router::new().fallback(receive).with_state(state)
}

async fn receive(State(state): State<Arc<SharedState>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if let Some(flag) = parts.uri.path().strip_prefix("/api/0/") {
        return post_flag(&state, flag, &parts.headers, body).await;
    }
    match header(&parts.headers, "x-amz-target").and_then(|target| target.split_once('.')) {
        Some((service, operation)) => match call(&state, service, operation, &body).await {
            Ok(answer) => ([(CONTENT_TYPE, "application/x-amz-json-1.0")], answer.to_string()).into_response(),
            Err(error) => error.into_response(),
        },
        // Of the query protocol only STS's GetCallerIdentity.
        None if body.windows(b"GetCallerIdentity".len()).any(|part| part == b"GetCallerIdentity") => {
            state.change(|state| state.counts.record_call("GetCallerIdentity"));
            ([(CONTENT_TYPE, "text/xml")], owner_data::caller_identity()).into_response()
        }
        None => ApiError::unsupported("a call without a target").into_response(),
    }
}

async fn call(state: &Arc<SharedState>, service: &str, operation: &str, body: &Bytes) -> ApiResult {
    let (latency, fault) = state.change(|state| {
        let fault = state.record_call(service, operation);
        (state.settings.aws_latency, fault)
    });
    if operation != "ReceiveMessage" && !latency.is_zero() {
        sleep(latency).await;
    }
    match fault {
        None => dispatch(state, service, operation, body).await,
        Some(EndpointFault::Refused) => Err(ApiError::internal()),
        Some(EndpointFault::Throttled) => Err(ApiError::new("ThrottlingException", "Rate exceeded")),
        Some(EndpointFault::ReplyLost) => {
            dispatch(state, service, operation, body).await.and(Err(ApiError::internal()))
        }
    }
}

async fn dispatch(state: &Arc<SharedState>, service: &str, operation: &str, body: &Bytes) -> ApiResult {
    match service {
        "AmazonSQS" => sqs::call(state, operation, body).await,
        "DynamoDB_20120810" => dynamodb::call(state, operation, body),
        "CodeBuild_20161006" => builds::call(state, operation, body),
        SSM => parameters::call(state, operation, body),
        "secretsmanager" => owner_data::call_secrets(state, operation, body),
        other => Err(ApiError::unsupported(other)),
    }
}

/// Stores a flag: `<repository>/c/<commit>/flag`, at the end of the forge's latency.
async fn post_flag(state: &SharedState, path: &str, headers: &HeaderMap, body: Bytes) -> Response {
    let Some((repository, commit)) = path.strip_suffix("/flag").and_then(|path| path.split_once("/c/")) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let flag = match FlagBoard::parse(header(headers, CONTENT_TYPE.as_str()).unwrap_or_default(), body).await {
        Ok(flag) => flag,
        Err(refusal) => return refusal.into_response(),
    };
    let latency = state.change(|state| {
        let number = state.counts.record_call(POST_FLAG);
        spread(state.settings.forge_latency, number)
    });
    if !latency.is_zero() {
        sleep(latency).await;
    }
    state.change(|state| state.flags.store(repository, commit, flag)).into_response()
}

/// The latency of a call: evenly spread over the range, and the same in every run.
fn spread((low, high): (Duration, Duration), number: u64) -> Duration {
    const STEPS: u64 = 1000;
    let step = number.wrapping_mul(617) % STEPS;
    low + high.saturating_sub(low) * u32::try_from(step).unwrap_or(0) / STEPS as u32
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
