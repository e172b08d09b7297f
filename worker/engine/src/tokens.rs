use std::time::Duration;

use doorbell_registry::SecretId;
use secrecy::SecretString;

use crate::cache::Cache;
use crate::ports::{PortError, Secrets};

/// AWS's own caching agents keep a secret for 300 s.
const KEEP: Duration = Duration::from_secs(300);

/// The forges' tokens, by the name of their secret.
#[derive(Debug)]
pub(crate) struct Tokens(Cache<SecretId, SecretString>);

impl Tokens {
    pub(crate) fn new() -> Self {
        Self(Cache::new())
    }

    pub(crate) async fn get(&self, secrets: &impl Secrets, id: &SecretId) -> Result<SecretString, PortError> {
        self.0.get(id, async { secrets.read(id).await.map(|token| (token, KEEP)) }).await
    }

    /// After a 401: it may have been rotated.
    pub(crate) fn forget(&self, id: &SecretId) {
        self.0.forget(id);
    }
}
