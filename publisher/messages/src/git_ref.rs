use serde::{Deserialize, Serialize};

use crate::text::invalid;
use crate::validated_text;

validated_text!(
    /// The name of a branch or a tag, without `refs/heads/` or `refs/tags/`. Stricter than git's own rule
    /// (`git check-ref-format`): printable ASCII only, no part that begins with `-` or `.`, at most 200 bytes.
    RefName, validate_ref, "pattern" = r"^[!-)+-9;->@-Z\]_-}]{1,200}$",
    "not" = serde_json::json!({
        "pattern": r"(^@$|^HEAD$|\.\.|@\{|^[-./]|/[-./]|[./]$|\.lock(/|$))"
    })
);

/// What a request asks to build: never a bare commit, always something the owner's `refs` can name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GitRef {
    /// `refs/heads/<name>`
    Branch(RefName),
    /// `refs/tags/<name>`
    Tag(RefName),
    /// `refs/pull/<number>/head`
    PullRequest(PullRequestNumber),
}

/// The number of a pull request; 1 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "schema", schemars(extend("maximum" = u32::MAX)))]
pub struct PullRequestNumber(std::num::NonZeroU32);

impl PullRequestNumber {
    /// The number itself.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl std::str::FromStr for PullRequestNumber {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        // The standard parser takes "+7" and "007" too, which no forge writes.
        match text.parse::<std::num::NonZeroU32>() {
            Ok(number) if number.to_string() == text => Ok(Self(number)),
            _ => Err(invalid(text, "a pull request is named by its number, 1 or more")),
        }
    }
}

impl GitRef {
    /// The full name, as git fetches it.
    pub fn full(&self) -> String {
        match self {
            Self::Branch(name) => format!("refs/heads/{name}"),
            Self::Tag(name) => format!("refs/tags/{name}"),
            Self::PullRequest(number) => format!("refs/pull/{}/head", number.get()),
        }
    }

    /// The short name that a command gets as its first argument, as iwomp-in-aws gave the branch.
    pub fn short(&self) -> String {
        match self {
            Self::Branch(name) | Self::Tag(name) => name.to_string(),
            Self::PullRequest(number) => format!("pull/{}", number.get()),
        }
    }

    /// Reads what [`GitRef::full`] wrote.
    ///
    /// # Errors
    /// A text that `full` never writes.
    pub fn parse_full(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("refs/heads/") {
            return name.parse().map(Self::Branch);
        }
        if let Some(name) = text.strip_prefix("refs/tags/") {
            return name.parse().map(Self::Tag);
        }
        let number = text.strip_prefix("refs/pull/").and_then(|rest| rest.strip_suffix("/head"));
        match number {
            Some(number) => number.parse().map(Self::PullRequest),
            None => Err(invalid(text, "a ref is refs/heads/<branch>, refs/tags/<tag> or refs/pull/<number>/head")),
        }
    }
}

impl std::fmt::Display for GitRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Branch(name) => write!(f, "branch {name}"),
            Self::Tag(name) => write!(f, "tag {name}"),
            Self::PullRequest(number) => write!(f, "pull request {}", number.get()),
        }
    }
}

fn validate_ref(text: &str) -> Result<(), String> {
    const MAX: usize = 200;
    let rule = if text.is_empty() {
        "a ref's name can't be empty"
    } else if text.len() > MAX {
        "a ref's name has at most 200 bytes"
    } else if !text.bytes().all(|b| b.is_ascii_graphic()) {
        "a ref's name is printable ASCII without spaces"
    } else if text.contains(['~', '^', ':', '?', '*', '[', '\\']) {
        "a ref's name has none of ~ ^ : ? * [ \\"
    } else if text.contains("..") || text.contains("@{") || text == "@" {
        "a ref's name has no \"..\" and no \"@{\", and is not \"@\""
    } else if text.split('/').any(|part| part.is_empty() || part.starts_with(['-', '.'])) {
        "no part of a ref's name is empty or begins with - or ."
    } else if text.ends_with('.') || text.split('/').any(|part| part.ends_with(".lock")) {
        "no part of a ref's name ends with .lock, and the name does not end with a dot"
    } else if text == "HEAD" {
        "HEAD is not a branch: the checkout it came from was detached; name the branch"
    } else {
        return Ok(());
    };
    Err(invalid(text, rule))
}
