//! The access keys that this sandbox has handed out, and to whom.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// An access key and the principal that it speaks for.
#[derive(Clone)]
pub struct Key {
    pub access_key_id: String,
    pub secret_access_key: String,
    /// Present on the keys of a role.
    pub session_token: Option<String>,
    /// The IAM user's or role's ARN (`arn:aws:iam::…:role/name`), as IAM's policy simulator wants it.
    pub principal_arn: String,
    /// What CodeBuild shows as a build's initiator: the user's name, or `role/session`.
    pub initiator: String,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("access_key_id", &self.access_key_id).field("principal_arn", &self.principal_arn).finish_non_exhaustive()
    }
}

/// All of them, by access key id. Cheap to clone; clones share.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(Arc<Mutex<BTreeMap<String, Key>>>);

impl KeyRing {
    pub fn add(&self, key: Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.access_key_id.clone(), key);
    }

    pub fn find(&self, access_key_id: &str) -> Option<Key> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(access_key_id).cloned()
    }
}
