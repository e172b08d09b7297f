use std::fmt::Write;

use doorbell_messages::{CommitId, RequestId};
use sha2::{Digest, Sha256};

use crate::Vendor;

/// 96 bits, like the digest of a job's key.
const DIGEST_BYTES: usize = 12;

/// The request id of a CI's build and a commit.
///
/// It is the same for every step of the build, so that a retried step starts no second build. Project, ref and variables
/// are in the job's key already.
///
/// # Errors
/// The result is no valid id, which cannot happen.
pub(crate) fn for_build(vendor: Vendor, build_identity: &[String], commit: &CommitId) -> Result<RequestId, String> {
    let mut hasher = Sha256::new();
    for part in build_identity.iter().map(String::as_str).chain([commit.as_str()]) {
        // Each part follows its length, so that no two lists of parts give the same bytes.
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    let mut id = format!("{}-", vendor.name());
    for byte in &digest[..DIGEST_BYTES] {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn id(vendor: Vendor, identity: &[&str], commit: &str) -> String {
        let identity: Vec<String> = identity.iter().map(|part| (*part).to_owned()).collect();
        for_build(vendor, &identity, &commit.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn ci_request_id_is_stable_for_same_build() {
        // A program of another version must not start the build again.
        assert_eq!(id(Vendor::Gitlab, &["https://gitlab.com", "7"], COMMIT), "gitlab-8269f2332d4c32eeb36cfc2e");
    }

    #[test]
    fn ci_request_id_differs_by_vendor_build_and_commit() {
        let all = [
            id(Vendor::Gitlab, &["7", "1"], COMMIT),
            id(Vendor::Github, &["7", "1"], COMMIT),
            id(Vendor::Gitlab, &["7", "2"], COMMIT),
            id(Vendor::Gitlab, &["71"], COMMIT),
            id(Vendor::Gitlab, &["7", "1"], &"f".repeat(40)),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{all:?}");
        }
    }
}
