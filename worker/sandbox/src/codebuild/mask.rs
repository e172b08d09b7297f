/// Replaces secrets in a stream of bytes with `***`, wherever the stream is split.
///
/// Not `Debug`: it holds them.
pub(super) struct SecretMasker {
    /// Longest first, so that a secret which begins with another is masked whole.
    secrets: Vec<Vec<u8>>,
    /// A possible beginning of a secret.
    pending: Vec<u8>,
}

const MASK: &[u8] = b"***";

impl SecretMasker {
    pub(super) fn new(secrets: &[String]) -> Self {
        let mut secrets: Vec<_> =
            secrets.iter().filter(|secret| !secret.is_empty()).map(|s| s.as_bytes().to_vec()).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets, pending: Vec::new() }
    }

    /// The masked part of the stream so far.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.pending.extend_from_slice(bytes);
        self.mask_pending(false)
    }

    /// The rest, at the end of the stream.
    pub(super) fn flush(&mut self) -> Vec<u8> {
        self.mask_pending(true)
    }

    fn mask_pending(&mut self, last: bool) -> Vec<u8> {
        let mut shown = Vec::with_capacity(self.pending.len());
        let mut rest = self.pending.as_slice();
        while let Some(byte) = rest.first() {
            // A longer secret may follow where a shorter one is complete already.
            let may_grow =
                !last && self.secrets.iter().any(|secret| secret.len() > rest.len() && secret.starts_with(rest));
            if may_grow {
                break;
            }
            match self.secrets.iter().find(|secret| rest.starts_with(secret)) {
                Some(secret) => {
                    shown.extend_from_slice(MASK);
                    rest = &rest[secret.len()..];
                }
                None => {
                    shown.push(*byte);
                    rest = &rest[1..];
                }
            }
        }
        self.pending = rest.to_vec();
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the output for each split of the text into three parts.
    fn check(secrets: &[&str], text: &str, expected: &str) {
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut masker = SecretMasker::new(&secrets);
                let mut shown = masker.push(&text.as_bytes()[..first]);
                shown.extend(masker.push(&text.as_bytes()[first..second]));
                shown.extend(masker.push(&text.as_bytes()[second..]));
                shown.extend(masker.flush());
                assert_eq!(String::from_utf8(shown).unwrap(), expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn secret_split_across_chunks_is_masked() {
        check(&["s3cret"], "a s3cret, s3cre, s3s3cret s3cret", "a ***, s3cre, s3*** ***");
        check(&["abab"], "abababab ab", "****** ab");
        check(&["token", "token-long"], "token token-long token-lon", "*** *** ***-lon");
        check(&["one\ntwo"], "one\ntwo one\n", "*** one\n");
        check(&[""], "nothing", "nothing");
    }

    #[test]
    fn masker_holds_back_only_possible_secret_prefixes() {
        let mut masker = SecretMasker::new(&["s3cret".to_owned()]);
        assert_eq!(masker.push(b"line\ns3"), b"line\n");
        assert_eq!(masker.push(b"x"), b"s3x");
    }
}
