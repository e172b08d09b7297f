//! Responses of the proxy's own, in the protocol of the service that they seem to come from.
use std::io;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::call::Protocol;

/// A server error, as the service sends it.
pub(super) fn failure(protocol: Protocol) -> Response {
    match protocol {
        Protocol::Json | Protocol::Query => {
            aws_error(protocol, StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", "injected fault")
        }
        Protocol::Web => html_page(StatusCode::BAD_GATEWAY),
    }
}

/// A throttling error, as the service sends it.
pub(super) fn throttle(protocol: Protocol) -> Response {
    match protocol {
        Protocol::Json => aws_error(protocol, StatusCode::BAD_REQUEST, "ThrottlingException", "Rate exceeded"),
        Protocol::Query => aws_error(protocol, StatusCode::BAD_REQUEST, "Throttling", "Rate exceeded"),
        Protocol::Web => ([(RETRY_AFTER, "1")], html_page(StatusCode::TOO_MANY_REQUESTS)).into_response(),
    }
}

/// Closes the connection before the first byte.
pub(super) fn no_response() -> Response {
    Body::from_stream(stream::iter([Err::<Bytes, _>(io::Error::other("injected fault"))])).into_response()
}

/// Closes the connection in the middle of this response.
pub(super) fn truncated(status: StatusCode, headers: HeaderMap, body: &Bytes) -> Response {
    let half = body.slice(..body.len() / 2);
    if half.is_empty() {
        return no_response();
    }
    let body = Body::from_stream(stream::iter([Ok(half), Err(io::Error::other("injected fault"))]));
    (status, headers, body).into_response()
}

fn aws_error(protocol: Protocol, status: StatusCode, code: &str, message: &str) -> Response {
    let (kind, body) = match protocol {
        Protocol::Query => (
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>0</RequestId></ErrorResponse>"
            ),
        ),
        Protocol::Json | Protocol::Web => {
            ("application/x-amz-json-1.1", serde_json::json!({ "__type": code, "message": message }).to_string())
        }
    };
    (status, [(CONTENT_TYPE, kind)], body).into_response()
}

fn html_page(status: StatusCode) -> Response {
    (status, [(CONTENT_TYPE, "text/html")], format!("<html><body>{status}</body></html>")).into_response()
}
