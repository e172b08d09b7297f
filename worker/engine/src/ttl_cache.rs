use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Values that are read at most once at a time per key, and kept for as long as the reader says.
///
/// Its time is tokio's, which tests and simulations turn by hand; that is why it is not one of the caching crates,
/// which bring a clock of their own.
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

/// Keys come from strangers' requests: their number is bounded, not the cache's usefulness.
const MAX_KEYS: usize = 4096;

impl<K: Eq + Hash + Clone, V: Clone> TtlCache<K, V> {
    pub(crate) fn new() -> Self {
        Self { slots: Mutex::new(HashMap::new()) }
    }

    /// The kept value, without waiting for anybody who is reading it right now.
    pub(crate) fn peek(&self, key: &K) -> Option<V> {
        let slot = self.slots.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()?;
        let kept = slot.try_lock().ok()?;
        kept.as_ref().filter(|kept| Instant::now() < kept.expires_at).map(|kept| kept.value.clone())
    }

    /// The kept value, or the one that `parse` brings with the time to keep it. Callers for one key wait for one read;
    /// an error is kept for none of them.
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

    /// Forgets the value; whoever asks next reads.
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
