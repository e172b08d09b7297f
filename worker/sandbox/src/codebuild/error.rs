use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error of a call, in the JSON protocol's shape: the SDKs branch on `code`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodeBuildError {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
}

impl CodeBuildError {
    /// An error with status 400, which most of AWS's JSON 1.1 errors have, those of IAM included.
    pub(super) fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: kind.into(), message: message.into() }
    }

    pub(super) fn invalid_input(message: impl Into<String>) -> Self {
        Self::new("InvalidInputException", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", message)
    }

    pub(super) fn limit_exceeded(message: impl Into<String>) -> Self {
        Self::new("AccountLimitExceededException", message)
    }

    /// Status, code and message.
    pub(crate) fn into_parts(self) -> (StatusCode, String, String) {
        (self.status, self.code, self.message)
    }

    /// An internal error: a fault of the sandbox, not of the caller.
    pub(super) fn internal(error: impl std::fmt::Display) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            ..Self::new("InternalFailure", format!("the sandbox's CodeBuild: {error}"))
        }
    }
}

impl IntoResponse for CodeBuildError {
    fn into_response(self) -> Response {
        let body = json!({"__type": self.code, "message": self.message});
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        response
    }
}
