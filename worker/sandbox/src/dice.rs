//! Chance that comes from a seed.
use sha2::{Digest, Sha256};

/// Numbers that follow from a seed, the same on every machine (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of this seed for one purpose and one turn: what others draw meanwhile does not change it.
    pub fn of(seed: u64, purpose: &str, turn: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_be_bytes());
        hash.update(turn.to_be_bytes());
        hash.update(purpose.as_bytes());
        Self(hash.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// From 0 to one less than `end`; 0 where that is nothing.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)).checked_rem(end).unwrap_or_default()
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }

    /// One of these, each as often as its weight says.
    ///
    /// `None` where all weights are 0.
    pub fn weighted<T: Copy>(&mut self, all: &[(u64, T)]) -> Option<T> {
        let mut left = self.below(all.iter().map(|(weight, _)| weight).sum());
        for (weight, one) in all {
            if left < *weight {
                return Some(*one);
            }
            left -= weight;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_again_and_another_one_does_not() {
        let draw = |mut dice: Dice| (0..20).map(|_| dice.below(1000)).collect::<Vec<_>>();
        assert_eq!(draw(Dice::of(7, "PutItem", 3)), draw(Dice::of(7, "PutItem", 3)));
        assert_ne!(draw(Dice::of(7, "PutItem", 3)), draw(Dice::of(8, "PutItem", 3)));
        assert_ne!(draw(Dice::of(7, "PutItem", 3)), draw(Dice::of(7, "PutItem", 4)));
        assert_ne!(draw(Dice::of(7, "PutItem", 3)), draw(Dice::of(7, "GetItem", 3)));
    }

    #[test]
    fn weights_and_percents_are_kept() {
        let mut dice = Dice::new(1);
        let drawn: Vec<_> = (0..10_000).filter_map(|_| dice.weighted(&[(1, 'a'), (0, 'b'), (3, 'c')])).collect();
        let count = |wanted: char| drawn.iter().filter(|one| **one == wanted).count();
        assert!((2300..2700).contains(&count('a')), "{}", count('a'));
        assert_eq!(count('b'), 0);
        let hits = (0..10_000).filter(|_| dice.percent(20)).count();
        assert!((1850..2150).contains(&hits), "{hits}");
        assert_eq!(dice.weighted::<char>(&[]), None);
    }
}
