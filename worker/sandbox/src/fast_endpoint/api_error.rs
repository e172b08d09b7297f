use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::codebuild::CodeBuildError;

/// An error of a call, in the shape of AWS's JSON protocols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    code: String,
    message: String,
}

/// The result of a call: the body of its response.
pub(super) type ApiResult = Result<Value, ApiError>;

impl ApiError {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: code.to_owned(), message: message.into() }
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// A call or a field that this endpoint does not have.
    pub(super) fn unsupported(what: &str) -> Self {
        Self::new("UnknownOperationException", format!("the fast endpoint does not support {what}"))
    }

    pub(super) fn internal() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            ..Self::new("InternalServerError", "a fault that the endpoint was set to play")
        }
    }

    pub(super) fn code(&self) -> &str {
        &self.code
    }
}

impl From<CodeBuildError> for ApiError {
    fn from(error: CodeBuildError) -> Self {
        let (status, code, message) = error.into_parts();
        Self { status, code, message }
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        Self::new("SerializationException", error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "__type": self.code, "message": self.message }).to_string();
        (self.status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], body).into_response()
    }
}
