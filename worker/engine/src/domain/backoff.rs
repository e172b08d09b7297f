use std::time::Duration;

use sha2::{Digest, Sha256};

/// Waits that double from `first` up to `most`, each spread over the last quarter of itself.
///
/// The spread comes from the row's key and the try's number: as good as chance at keeping jobs apart, and the same
/// in every replay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) most: Duration,
}

impl Backoff {
    /// The wait after the try with this number, counted from 1.
    pub(crate) fn wait(self, key: &str, tries: u32) -> Duration {
        let doubled = self.first.saturating_mul(2u32.saturating_pow(tries.saturating_sub(1)));
        let full = doubled.min(self.most);
        let digest = Sha256::digest(format!("{key}/{tries}").as_bytes());
        let spread = f64::from(digest[0]) / 255.0;
        full.mul_f64(0.75 + 0.25 * spread)
    }
}

/// A registry or a forge that can't be read, a provider that refuses.
pub(crate) const WORLD: Backoff = Backoff { first: Duration::from_secs(2), most: Duration::from_secs(5 * 60) };

/// A provider at its limit. Jobs in line are woken by a free place; this long a job waits whose line is gone, since
/// its worker is.
pub(crate) const LIMIT: Backoff = Backoff { first: Duration::from_secs(8), most: Duration::from_secs(60) };

/// A start whose outcome is unknown: the same token again, soon.
pub(crate) const REPEAT: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(30) };

/// A forge that does not take a status. When it is back after a day, all it has missed is told within this.
pub(crate) const TELLING: Backoff = Backoff { first: Duration::from_secs(5), most: Duration::from_secs(10 * 60) };

/// Others are told before it: a job in line is woken, this is for one whose line is gone.
pub(crate) const IN_LINE: Backoff = Backoff { first: Duration::from_secs(60), most: Duration::from_secs(60) };

/// A forge that takes nothing from anybody: a job in line is woken when it does again.
pub(crate) const FORGE_DOWN: Backoff =
    Backoff { first: Duration::from_secs(10 * 60), most: Duration::from_secs(10 * 60) };
