use std::time::Duration;

use doorbell_messages::SecretId;
use secrecy::SecretString;

use crate::ports::{PortError, SecretStore};
use crate::ttl_cache::TtlCache;

/// Time to live of a token. AWS's own caching agents keep a secret for 300 s.
const TOKEN_TTL: Duration = Duration::from_secs(300);

/// Caches the forges' tokens, by the name of their secret.
#[derive(Debug)]
pub(crate) struct TokenCache(TtlCache<SecretId, SecretString>);

impl TokenCache {
    pub(crate) fn new() -> Self {
        Self(TtlCache::new())
    }

    pub(crate) async fn get(&self, secrets: &impl SecretStore, id: &SecretId) -> Result<SecretString, PortError> {
        self.0.get(id, async { secrets.read(id).await.map(|token| (token, TOKEN_TTL)) }).await
    }

    /// Removes a token after a 401: it may have been rotated.
    pub(crate) fn invalidate(&self, id: &SecretId) {
        self.0.invalidate(id);
    }
}
