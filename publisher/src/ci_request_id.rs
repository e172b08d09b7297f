use std::fmt::Write;

use doorbell_messages::{CommitId, RequestId};
use sha2::{Digest, Sha256};

use crate::Vendor;

/// 96 bits, as the key of a job has.
const DIGEST_BYTES: usize = 12;

/// The id of the request that this build of this CI makes for this commit: the same for every step in it, so that a
/// step that is tried again starts no second build. Ref and variables are in the job's key already, and the project.
///
/// # Errors
/// A text that is no id; these bytes never are one.
pub(crate) fn for_build(
    vendor: Vendor,
    build_identity: &[String],
    commit: Option<&CommitId>,
) -> Result<RequestId, String> {
    let mut hasher = Sha256::new();
    let commit = commit.map(CommitId::as_str).unwrap_or_default();
    for part in build_identity.iter().map(String::as_str).chain([commit]) {
        // The length stands before each part, so that no two lists of parts look the same.
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    let mut id = format!("{}-", vendor.name());
    for byte in &digest[..DIGEST_BYTES] {
        // Writing to a String can't fail.
        let _ = write!(id, "{byte:02x}");
    }
    id.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(vendor: Vendor, identity: &[&str], commit: Option<&str>) -> String {
        let identity: Vec<String> = identity.iter().map(|part| (*part).to_owned()).collect();
        let commit: Option<CommitId> = commit.map(|text| text.parse().unwrap());
        for_build(vendor, &identity, commit.as_ref()).unwrap().to_string()
    }

    #[test]
    fn ci_request_id_is_stable_for_same_build() {
        // A program of another version must not start the build again.
        let commit = Some("0123456789abcdef0123456789abcdef01234567");
        assert_eq!(id(Vendor::Gitlab, &["https://gitlab.com", "7"], commit), "gitlab-8269f2332d4c32eeb36cfc2e");
    }

    #[test]
    fn ci_request_id_differs_by_vendor_build_and_commit() {
        let all = [
            id(Vendor::Gitlab, &["7", "1"], None),
            id(Vendor::Github, &["7", "1"], None),
            id(Vendor::Gitlab, &["7", "2"], None),
            id(Vendor::Gitlab, &["71"], None),
            id(Vendor::Gitlab, &["7", "1"], Some("0123456789abcdef0123456789abcdef01234567")),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{all:?}");
        }
    }
}
