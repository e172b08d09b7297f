use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A cache whose reader sets each value's time to live; it reads a key at most once at a time.
///
/// Its time is tokio's, which tests and simulations control. The caching crates have clocks of their own.
#[derive(Debug)]
pub(crate) struct TtlCache<K, V> {
    slots: Mutex<HashMap<K, Slot<V>>>,
}

type Slot<V> = Arc<tokio::sync::Mutex<Option<CacheEntry<V>>>>;

#[derive(Debug)]
struct CacheEntry<V> {
    value: V,
    expires_at: Instant,
}

/// Keys in the cache before it drops expired ones. Keys come from requests, so any publisher can add some.
const MAX_KEYS: usize = 4096;

impl<K: Eq + Hash + Clone, V: Clone> TtlCache<K, V> {
    pub(crate) fn new() -> Self {
        Self { slots: Mutex::new(HashMap::new()) }
    }

    /// The cached value, or the one that `read` returns with its time to live.
    ///
    /// Callers for one key wait for one read. An error is not cached.
    pub(crate) async fn get<E>(&self, key: &K, read: impl Future<Output = Result<(V, Duration), E>>) -> Result<V, E> {
        let slot = self.slot(key);
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| Instant::now() < kept.expires_at) {
            return Ok(kept.value.clone());
        }
        let (value, keep) = read.await?;
        *kept = Some(CacheEntry { value: value.clone(), expires_at: Instant::now() + keep });
        Ok(value)
    }

    /// Removes the value; the next caller reads.
    pub(crate) fn invalidate(&self, key: &K) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn slot(&self, key: &K) -> Slot<V> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_KEYS && !slots.contains_key(key) {
            let now = Instant::now();
            // A slot that is locked is being read; one with other holders is being waited for.
            slots.retain(|_, slot| {
                slot.try_lock().map_or(true, |kept| kept.as_ref().is_some_and(|kept| now < kept.expires_at))
            });
        }
        Arc::clone(slots.entry(key.clone()).or_default())
    }
}
