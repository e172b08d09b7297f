use serde::{Deserialize, Serialize};

use crate::text::invalid;

/// A full commit id: 40 hexadecimal digits (SHA-1) or 64 (SHA-256), read in either case, kept in lower. Never an abbreviation: a forge
/// would store a flag under the short text and show it nowhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(extend("pattern" = r"^([0-9a-fA-F]{40}|[0-9a-fA-F]{64})$")))]
pub struct CommitId(String);

impl CommitId {
    /// The id, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first ten digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

impl TryFrom<String> for CommitId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(invalid(&text, "a commit is its full id: 40 or 64 hexadecimal digits"))
        }
    }
}

impl std::str::FromStr for CommitId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::try_from(text.to_owned())
    }
}

impl From<CommitId> for String {
    fn from(commit: CommitId) -> String {
        commit.0
    }
}

impl std::fmt::Display for CommitId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
