//! The endpoint by which a build's commands get the keys of its role, as in a container on AWS.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::services::BuildRole;
use crate::credentials::random_hex;

/// The roles of the builds that run, by the builds' uuids.
#[derive(Debug, Default)]
pub(super) struct CredentialsEndpoint(Mutex<BTreeMap<String, CredentialGrant>>);

struct CredentialGrant {
    /// Other programs on this machine reach the endpoint, too.
    token: String,
    role: Arc<dyn BuildRole>,
}

impl std::fmt::Debug for CredentialGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CredentialGrant").field("role", &self.role).finish_non_exhaustive()
    }
}

impl CredentialsEndpoint {
    /// Lends a role to a build: the variables by which its commands find the keys.
    ///
    /// # Errors
    /// The operating system gave no random bytes.
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

    /// The build has ended.
    pub(super) fn revoke(&self, uuid: &str) {
        self.lock().remove(uuid);
    }

    /// The keys of a build's role, for who shows the build's token.
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
