use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// A credential for cloning a private repository.
#[derive(Clone, PartialEq, Eq)]
pub enum GitLogin {
    /// `Authorization: Basic …`, what git sends for a user and a password.
    Basic { username: String, password: String },
    /// `Authorization: Bearer …`, what iwomp-in-aws sends for its `authToken`.
    Bearer(String),
}

impl std::fmt::Debug for GitLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Basic { username, .. } => f.debug_struct("Basic").field("username", username).finish_non_exhaustive(),
            Self::Bearer(_) => f.debug_struct("Bearer").finish_non_exhaustive(),
        }
    }
}

impl GitLogin {
    /// Whether an `Authorization` header holds this login.
    pub(super) fn matches(&self, authorization: &str) -> bool {
        let Some((scheme, value)) = authorization.split_once(' ') else { return false };
        match self {
            Self::Basic { username, password } => {
                scheme.eq_ignore_ascii_case("basic")
                    && value.trim() == BASE64_STANDARD.encode(format!("{username}:{password}"))
            }
            Self::Bearer(token) => scheme.eq_ignore_ascii_case("bearer") && value.trim() == token,
        }
    }
}
