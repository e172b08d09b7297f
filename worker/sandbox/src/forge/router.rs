//! The entry of every request: it is recorded, gets its fault, and is dispatched.
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::api::{self, ApiCall};
use super::body::RequestBody;
use super::call::ForgeCall;
use super::fault::{FaultScope, ForgeFailure, ForgeFault};
use super::response::ForgeResponse;
use super::route::{ForgeRoute, RepositoryResource};
use super::state::ForgeStore;
use super::token;
use crate::git_host::GitHttpError;

pub(super) fn router(store: Arc<ForgeStore>) -> Router {
    Router::new().fallback(receive).with_state(store)
}

async fn receive(State(store): State<Arc<ForgeStore>>, request: Request) -> Response {
    let route = ForgeRoute::parse(request.uri().path());
    let authorization = text(request.headers(), header::AUTHORIZATION);
    let method = request.method().clone();
    let at = Timestamp::now();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let authorised = is_authorised(&store, route.as_ref(), authorization.as_deref());
    let (number, fault) = store.change(|state| {
        state.calls.push(ForgeCall { method: method.to_string(), path, status: None, authorised, at });
        (state.calls.len() - 1, state.faults.next_for(fault_scopes(&method, route.as_ref())))
    });
    let response = match route {
        Some(ForgeRoute::Git { name }) => {
            let git = Arc::clone(&store.git);
            apply_fault(fault, async move { git.serve(&name, request).await.unwrap_or_else(git_error_page) }).await
        }
        route => match api_call(route, authorization, request).await {
            Ok(call) => api_response(&store, fault, call).await,
            // The client disconnected while it sent its body; the response is never read.
            Err(_) => ForgeResponse::html(StatusCode::BAD_REQUEST).into_response(),
        },
    };
    // If the caller disconnects, this future is dropped above: its call keeps no status.
    store.change(|state| {
        if let Some(call) = state.calls.get_mut(number) {
            call.status =
                response.extensions().get::<ConnectionDropped>().is_none().then(|| response.status().as_u16());
        }
    });
    response
}

/// The web framework's page for a git request that is not served.
fn git_error_page(error: GitHttpError) -> Response {
    if let GitHttpError::Backend(cause) = &error {
        tracing::error!(error = format!("{cause:#}"), "git http-backend failed");
    }
    let page = ForgeResponse::html(error.status());
    match error.challenge() {
        Some(challenge) => page.with(header::WWW_AUTHENTICATE, challenge).into_response(),
        None => page.into_response(),
    }
}

/// Marks a response whose head is never sent.
#[derive(Debug, Clone, Copy)]
struct ConnectionDropped;

async fn api_call(
    route: Option<ForgeRoute>,
    authorization: Option<String>,
    request: Request,
) -> Result<ApiCall, axum::Error> {
    let (parts, body) = request.into_parts();
    Ok(ApiCall {
        method: parts.method,
        route,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authorization,
        content_type: text(&parts.headers, header::CONTENT_TYPE).unwrap_or_default(),
        body: RequestBody::read(body).await?,
    })
}

async fn api_response(store: &Arc<ForgeStore>, fault: ForgeFault, call: ApiCall) -> Response {
    if let (ForgeFault::RevokeToken, Some(text)) = (&fault, token::token_in_header(call.authorization.as_deref())) {
        store.change(|state| state.tokens.revoke(text));
    }
    let store = Arc::clone(store);
    apply_fault(fault, async move { api::handle(store, call).await.into_response() }).await
}

async fn apply_fault(fault: ForgeFault, work: impl Future<Output = Response> + Send + 'static) -> Response {
    match fault {
        ForgeFault::Skip | ForgeFault::RevokeToken => run_detached(work).await,
        ForgeFault::Before(failure) => failure_response(failure),
        ForgeFault::After(failure) => {
            drop(run_detached(work).await);
            failure_response(failure)
        }
        ForgeFault::HoldRequest(hold) => {
            run_detached(async {
                hold.wait().await;
                work.await
            })
            .await
        }
        ForgeFault::FailLate(hold, failure) => {
            hold.wait().await;
            failure_response(failure)
        }
        ForgeFault::HoldReply(hold) => {
            let response = run_detached(work).await;
            hold.wait().await;
            response
        }
    }
}

/// Runs in a task of its own: a caller that disconnects does not cancel its call.
async fn run_detached(work: impl Future<Output = Response> + Send + 'static) -> Response {
    let task = tokio::spawn(work);
    task.await.unwrap_or_else(|_| ForgeResponse::html(StatusCode::INTERNAL_SERVER_ERROR).into_response())
}

fn failure_response(failure: ForgeFailure) -> Response {
    let is_lost = matches!(failure, ForgeFailure::Disconnect);
    let mut response = failure.into_response();
    if is_lost {
        response.extensions_mut().insert(ConnectionDropped);
    }
    response
}

fn fault_scopes(method: &Method, route: Option<&ForgeRoute>) -> &'static [FaultScope] {
    match route {
        Some(ForgeRoute::Git { .. }) => &[FaultScope::Git],
        Some(ForgeRoute::Repository {
            resource:
                RepositoryResource::CommitFlags(_)
                | RepositoryResource::PullRequestFlags(_)
                | RepositoryResource::CiNotification,
            ..
        }) if method == Method::POST => &[FaultScope::Api, FaultScope::FlagPosts],
        _ => &[FaultScope::Api],
    }
}

fn is_authorised(store: &ForgeStore, route: Option<&ForgeRoute>, authorization: Option<&str>) -> bool {
    match route {
        Some(ForgeRoute::Git { name }) => store.git.has_login(name, authorization),
        Some(ForgeRoute::Repository { name, resource }) => resource.acl().is_some_and(|acl| {
            store.read(|state| {
                let token = state.tokens.authorise(authorization, acl);
                token.is_ok_and(|token| token.check_repository(name).is_ok())
            })
        }),
        _ => false,
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
