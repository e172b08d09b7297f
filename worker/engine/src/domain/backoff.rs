use std::time::Duration;

use sha2::{Digest, Sha256};

/// Delays that double from `initial` up to `max`, each spread over its last quarter.
///
/// The spread is derived from the row's key and the number of the try: it keeps jobs apart as a random one would, and is
/// the same in every replay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    pub(crate) initial: Duration,
    pub(crate) max: Duration,
}

impl Backoff {
    /// The delay after the try of this number, counted from 1.
    pub(crate) fn delay(self, key: &str, tries: u32) -> Duration {
        let doubled = self.initial.saturating_mul(2u32.saturating_pow(tries.saturating_sub(1)));
        let full = doubled.min(self.max);
        let digest = Sha256::digest(format!("{key}/{tries}").as_bytes());
        let spread = f64::from(digest[0]) / 255.0;
        full.mul_f64(0.75 + 0.25 * spread)
    }
}

/// A registry or forge that does not answer, a provider that denies a start.
pub(crate) const DEPENDENCY: Backoff = Backoff { initial: Duration::from_secs(2), max: Duration::from_secs(5 * 60) };

/// A provider at its limit. A freed slot wakes queued jobs; this is for a job whose worker is gone.
pub(crate) const PROVIDER_LIMIT: Backoff = Backoff { initial: Duration::from_secs(8), max: Duration::from_secs(60) };

/// A start whose outcome is unknown: the same token again, soon.
pub(crate) const UNKNOWN_START: Backoff = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(30) };

/// A forge that does not take a status. When it is back after a day, it has all statuses within the maximum.
pub(crate) const REPORT: Backoff = Backoff { initial: Duration::from_secs(5), max: Duration::from_secs(10 * 60) };

/// A report that waits for other jobs' reports. A freed permit wakes it; this is for one whose worker is gone.
pub(crate) const QUEUED: Backoff = Backoff { initial: Duration::from_secs(60), max: Duration::from_secs(60) };

/// A forge that takes no reports at all. Queued jobs are woken when it does again.
pub(crate) const FORGE_DOWN: Backoff =
    Backoff { initial: Duration::from_secs(10 * 60), max: Duration::from_secs(10 * 60) };
