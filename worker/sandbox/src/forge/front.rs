//! What every request passes: it is written down, meets its fault, and is handed on.
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::answer::Answer;
use super::api::{self, ApiCall};
use super::body::Received;
use super::call::ForgeCall;
use super::fault::{Calls, Failure, Fault};
use super::route::{Resource, Route};
use super::state::{self, Shared};
use super::{smart_http, token};

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(receive).with_state(shared)
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let route = Route::parse(request.uri().path());
    let authorization = text(request.headers(), header::AUTHORIZATION);
    let method = request.method().clone();
    let at = Timestamp::now();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (number, authorised, fault) = shared.change(|state| {
        let authorised = is_authorised(state, route.as_ref(), authorization.as_deref());
        state.calls.push(ForgeCall { method: method.to_string(), path, status: None, authorised, at });
        (state.calls.len() - 1, authorised, state.faults.take(kinds(&method, route.as_ref())))
    });
    let response = match route {
        Some(Route::Git { name }) => {
            let work = smart_http::answer(Arc::clone(&shared), name, request, authorised);
            carry_out(fault, work).await
        }
        route => match api_call(route, authorization, request).await {
            Ok(call) => api_response(&shared, fault, call).await,
            // The client went away while it sent its body, so nobody reads this.
            Err(_) => Answer::html(StatusCode::BAD_REQUEST).into_response(),
        },
    };
    // A caller that gives up drops this future above: its call keeps no status.
    shared.change(|state| {
        if let Some(call) = state.calls.get_mut(number) {
            call.status = response.extensions().get::<Lost>().is_none().then(|| response.status().as_u16());
        }
    });
    response
}

/// Marks a response whose head the caller never sees.
#[derive(Debug, Clone, Copy)]
struct Lost;

async fn api_call(
    route: Option<Route>,
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
        body: Received::read(body).await?,
    })
}

async fn api_response(shared: &Arc<Shared>, fault: Fault, call: ApiCall) -> Response {
    if let (Fault::RevokeToken, Some(text)) = (&fault, token::presented(call.authorization.as_deref())) {
        shared.change(|state| state.tokens.revoke(text));
    }
    let shared = Arc::clone(shared);
    carry_out(fault, async move { api::answer(shared, call).await.into_response() }).await
}

async fn carry_out(fault: Fault, work: impl Future<Output = Response> + Send + 'static) -> Response {
    match fault {
        Fault::Spare | Fault::RevokeToken => detached(work).await,
        Fault::Before(failure) => instead(failure),
        Fault::After(failure) => {
            drop(detached(work).await);
            instead(failure)
        }
        Fault::HoldRequest(hold) => {
            detached(async {
                hold.pass().await;
                work.await
            })
            .await
        }
        Fault::LateBefore(hold, failure) => {
            hold.pass().await;
            instead(failure)
        }
        Fault::HoldReply(hold) => {
            let response = detached(work).await;
            hold.pass().await;
            response
        }
    }
}

/// In a task of its own: a caller that gives up does not undo what it has asked for.
async fn detached(work: impl Future<Output = Response> + Send + 'static) -> Response {
    let task = tokio::spawn(work);
    task.await.unwrap_or_else(|_| Answer::html(StatusCode::INTERNAL_SERVER_ERROR).into_response())
}

fn instead(failure: Failure) -> Response {
    let is_lost = matches!(failure, Failure::Disconnect);
    let mut response = failure.into_response();
    if is_lost {
        response.extensions_mut().insert(Lost);
    }
    response
}

fn kinds(method: &Method, route: Option<&Route>) -> &'static [Calls] {
    match route {
        Some(Route::Git { .. }) => &[Calls::Git],
        Some(Route::Repository {
            resource: Resource::CommitFlags(_) | Resource::PullRequestFlags(_) | Resource::CiNotification,
            ..
        }) if method == Method::POST => &[Calls::Api, Calls::FlagPosts],
        _ => &[Calls::Api],
    }
}

fn is_authorised(state: &state::State, route: Option<&Route>, authorization: Option<&str>) -> bool {
    match route {
        Some(Route::Git { name }) => state
            .repositories
            .get(name)
            .zip(authorization)
            .is_some_and(|(record, header)| record.logins.iter().any(|login| login.is_in(header))),
        Some(Route::Repository { name, resource }) => resource.acl().is_some_and(|acl| {
            let token = state.tokens.authorise(authorization, acl);
            token.is_ok_and(|token| token.check_repository(name).is_ok())
        }),
        _ => false,
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
