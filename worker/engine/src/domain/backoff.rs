use std::time::Duration;

use sha2::{Digest, Sha256};

/// Waits that double from `first` up to `most`, each spread over the last quarter of itself.
///
/// The spread comes from the row's key and the try's number: as good as chance at keeping jobs apart, and the same
/// in every replay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    pub(crate) initial: Duration,
    pub(crate) max: Duration,
}

impl Backoff {
    /// The wait after the try with this number, counted from 1.
    pub(crate) fn delay(self, key: &str, tries: u32) -> Duration {
        let doubled = self.initial.saturating_mul(2u32.saturating_pow(tries.saturating_sub(1)));
        let full = doubled.min(self.max);
        let digest = Sha256::digest(format!("{key}/{tries}").as_bytes());
        let spread = f64::from(digest[0]) / 255.0;
        full.mul_f64(0.75 + 0.25 * spread)
    }
}

/// A registry or a forge that can't be read, a provider that refuses.
pub(crate) const DEPENDENCY: Backoff = Backoff { initial: Duration::from_secs(2), max: Duration::from_secs(5 * 60) };

/// A provider at its limit. Jobs in line are woken by a free place; this long a job waits whose line is gone, since
/// its worker is.
pub(crate) const PROVIDER_LIMIT: Backoff = Backoff { initial: Duration::from_secs(8), max: Duration::from_secs(60) };

/// A start whose outcome is unknown: the same token again, soon.
pub(crate) const UNKNOWN_START: Backoff = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(30) };

/// A forge that does not take a status. When it is back after a day, all it has missed is told within this.
pub(crate) const REPORT: Backoff = Backoff { initial: Duration::from_secs(5), max: Duration::from_secs(10 * 60) };

/// Others are told before it: a job in line is woken, this is for one whose line is gone.
pub(crate) const QUEUED: Backoff = Backoff { initial: Duration::from_secs(60), max: Duration::from_secs(60) };

/// A forge that takes nothing from anybody: a job in line is woken when it does again.
pub(crate) const FORGE_DOWN: Backoff =
    Backoff { initial: Duration::from_secs(10 * 60), max: Duration::from_secs(10 * 60) };
