use serde::{Deserialize, Serialize};

use crate::text::invalid;

/// Where on its ref a commit that a request names may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CommitRule {
    /// The tip or any of its ancestors.
    #[default]
    Ancestor,
    /// The tip only.
    Tip,
}

impl CommitRule {
    /// The word in documents and in the build's environment.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ancestor => "ancestor",
            Self::Tip => "tip",
        }
    }
}

impl std::str::FromStr for CommitRule {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ancestor" => Ok(Self::Ancestor),
            "tip" => Ok(Self::Tip),
            other => Err(invalid(other, "ancestor or tip")),
        }
    }
}
