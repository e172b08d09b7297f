use axum::http::{HeaderValue, StatusCode};

/// Why a git request is not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitHttpError {
    #[error("no such repository")]
    NotFound,
    #[error("the repository is private and the request has no login for it")]
    LoginRequired,
    #[error("git http-backend failed")]
    Backend(#[source] anyhow::Error),
}

impl GitHttpError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::LoginRequired => StatusCode::UNAUTHORIZED,
            Self::Backend(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The `WWW-Authenticate` header, without which git sends no login.
    pub(crate) fn challenge(&self) -> Option<HeaderValue> {
        let header = HeaderValue::from_static("Basic realm=\"sandbox forge\"");
        matches!(self, Self::LoginRequired).then_some(header)
    }
}
