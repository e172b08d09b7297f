//! Random numbers from a seed.
use sha2::{Digest, Sha256};

/// A random number generator, the same on every machine (SplitMix64).
#[derive(Debug, Clone)]
pub struct SeededRng(u64);

impl SeededRng {
    /// The generator of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The generator of this seed for one purpose and round, independent of what others generate meanwhile.
    pub fn for_purpose(seed: u64, purpose: &str, round: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_be_bytes());
        hash.update(round.to_be_bytes());
        hash.update(purpose.as_bytes());
        Self(hash.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)).checked_rem(end).unwrap_or_default()
    }

    /// True with this probability in percent.
    pub fn percent(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }

    /// One of these, each as often as its weight.
    ///
    /// `None` if all weights are 0.
    pub fn weighted<T: Copy>(&mut self, all: &[(u64, T)]) -> Option<T> {
        let mut remaining = self.below(all.iter().map(|(weight, _)| weight).sum());
        for (weight, one) in all {
            if remaining < *weight {
                return Some(*one);
            }
            remaining -= weight;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_repeats_sequence_and_other_seed_differs() {
        let draw = |mut rng: SeededRng| (0..20).map(|_| rng.below(1000)).collect::<Vec<_>>();
        assert_eq!(draw(SeededRng::for_purpose(7, "PutItem", 3)), draw(SeededRng::for_purpose(7, "PutItem", 3)));
        assert_ne!(draw(SeededRng::for_purpose(7, "PutItem", 3)), draw(SeededRng::for_purpose(8, "PutItem", 3)));
        assert_ne!(draw(SeededRng::for_purpose(7, "PutItem", 3)), draw(SeededRng::for_purpose(7, "PutItem", 4)));
        assert_ne!(draw(SeededRng::for_purpose(7, "PutItem", 3)), draw(SeededRng::for_purpose(7, "GetItem", 3)));
    }

    #[test]
    fn random_choices_follow_weights_and_percentages() {
        let mut rng = SeededRng::new(1);
        let drawn: Vec<_> = (0..10_000).filter_map(|_| rng.weighted(&[(1, 'a'), (0, 'b'), (3, 'c')])).collect();
        let count = |wanted: char| drawn.iter().filter(|one| **one == wanted).count();
        assert!((2300..2700).contains(&count('a')), "{}", count('a'));
        assert_eq!(count('b'), 0);
        let hits = (0..10_000).filter(|_| rng.percent(20)).count();
        assert!((1850..2150).contains(&hits), "{hits}");
        assert_eq!(rng.weighted::<char>(&[]), None);
    }
}
