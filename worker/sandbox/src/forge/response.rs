use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A complete response to one call.
#[derive(Debug, Clone)]
pub struct ForgeResponse {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
}

impl ForgeResponse {
    /// A JSON response, as Pagure's handlers return it.
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string().into_bytes())
    }

    /// The error page of the web framework (not Pagure) for this status.
    pub fn html(status: StatusCode) -> Self {
        let name =
            status.canonical_reason().unwrap_or("Unknown").replace("Payload Too Large", "Request Entity Too Large");
        let explanation = explanation(status);
        let code = status.as_u16();
        let page = format!(
            "<!doctype html>\n<html lang=en>\n<title>{code} {name}</title>\n<h1>{name}</h1>\n<p>{explanation}</p>\n"
        );
        Self::new(status, "text/html; charset=utf-8", page.into_bytes())
    }

    /// A redirect. Clients treat method and body differently for 301, 302, 303, 307 and 308.
    pub fn redirect(status: StatusCode, location: HeaderValue) -> Self {
        Self::html(status).with(header::LOCATION, location)
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The status code.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn new(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, headers: vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], body }
    }
}

impl IntoResponse for ForgeResponse {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }
}

fn explanation(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "The requested URL was not found on the server.",
        StatusCode::METHOD_NOT_ALLOWED => "The method is not allowed for the requested URL.",
        StatusCode::PAYLOAD_TOO_LARGE => "The data value transmitted exceeds the capacity limit.",
        _ => "The server could not complete the request.",
    }
}

/// Pagure's errors, with its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PagureError {
    /// An invalid or missing token. `None` where Pagure gives no detail: a token of another project.
    Token(Option<String>),
    NoProject,
    NoPullRequest,
    NoCommit,
    NoComment,
    /// The errors by field.
    Form(Vec<(&'static str, &'static str)>),
    Database,
    /// The body exceeds the limit.
    TooLarge,
    /// A handler crashed.
    Crash,
}

impl PagureError {
    /// Renders the error. `url` is the forge's own, since the message about tokens names a page of it.
    pub(super) fn into_forge_response(self, url: &str) -> ForgeResponse {
        let invalid_token = || {
            format!("Invalid or expired token. Please visit {url}/settings#nav-api-tab to get or renew your API token.")
        };
        let plain =
            |status, error: &str, code: &str| ForgeResponse::json(status, &json!({"error": error, "error_code": code}));
        match self {
            Self::Token(None) => plain(StatusCode::UNAUTHORIZED, &invalid_token(), "EINVALIDTOK"),
            Self::Token(Some(detail)) => ForgeResponse::json(
                StatusCode::UNAUTHORIZED,
                &json!({"error": invalid_token(), "error_code": "EINVALIDTOK", "errors": detail}),
            ),
            Self::NoProject => plain(StatusCode::NOT_FOUND, "Project not found", "ENOPROJECT"),
            Self::NoPullRequest => plain(StatusCode::NOT_FOUND, "Pull-Request not found", "ENOREQ"),
            Self::NoCommit => plain(StatusCode::NOT_FOUND, "No such commit found in this repository", "ENOCOMMIT"),
            Self::NoComment => plain(StatusCode::NOT_FOUND, "Comment not found", "ENOCOMMENT"),
            Self::Form(fields) => {
                let errors: serde_json::Map<_, _> =
                    fields.into_iter().map(|(field, problem)| (field.to_owned(), json!([problem]))).collect();
                let error = "Invalid or incomplete input submitted";
                ForgeResponse::json(
                    StatusCode::BAD_REQUEST,
                    &json!({"error": error, "error_code": "EINVALIDREQ", "errors": errors}),
                )
            }
            Self::Database => plain(
                StatusCode::BAD_REQUEST,
                "An error occurred at the database level and prevent the action from reaching completion",
                "EDBERROR",
            ),
            Self::TooLarge => ForgeResponse::html(StatusCode::PAYLOAD_TOO_LARGE),
            Self::Crash => ForgeResponse::html(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}
