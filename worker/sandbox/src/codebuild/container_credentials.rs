//! The endpoint that serves a build's commands the credentials of its role, as in a container on AWS.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::services::BuildRole;
use crate::credentials::random_hex;

/// The roles of running builds, by build uuid.
#[derive(Debug, Default)]
pub(super) struct CredentialsEndpoint(Mutex<BTreeMap<String, CredentialGrant>>);

struct CredentialGrant {
    /// An authorization token, since other programs on this machine can reach the endpoint.
    token: String,
    role: Arc<dyn BuildRole>,
}

impl std::fmt::Debug for CredentialGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CredentialGrant").field("role", &self.role).finish_non_exhaustive()
    }
}

impl CredentialsEndpoint {
    /// Grants a build the credentials of its role: returns the variables by which its commands find them.
    ///
    /// # Errors
    /// The operating system returned no random bytes.
    pub(super) fn grant(
        &self,
        server: &str,
        uuid: &str,
        role: Arc<dyn BuildRole>,
    ) -> anyhow::Result<BTreeMap<String, String>> {
        let token = random_hex(32)?;
        let url = format!("{server}/builds/{uuid}/credentials");
        self.lock().insert(uuid.to_owned(), CredentialGrant { token: token.clone(), role });
        let variables = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", url), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", token)];
        Ok(variables.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// Revokes the credentials of a completed build.
    pub(super) fn revoke(&self, uuid: &str) {
        self.lock().remove(uuid);
    }

    /// The credentials of a build's role, for a caller with the build's token.
    pub(super) fn credentials_json(&self, uuid: &str, token: &str) -> Option<Value> {
        let grants = self.lock();
        let CredentialGrant { role, .. } = grants.get(uuid).filter(|grant| grant.token == token)?;
        let key = role.key();
        Some(json!({
            "RoleArn": key.principal_arn,
            "AccessKeyId": key.access_key_id,
            "SecretAccessKey": key.secret_access_key,
            "Token": key.session_token,
            "Expiration": role.expires().to_string(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, CredentialGrant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
