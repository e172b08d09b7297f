use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::validated_text;
use crate::text::invalid;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("maximum" = u32::MAX))]
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

/// One entry of a project's `refs`: `heads/main`, `tags/v*`, or a bare name for a branch. Exact, or with one `*`
/// at its end, which stands for any rest, slashes included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend(
    "minLength" = 1,
    "pattern" = r"^[!-)+-9;->@-Z\]_-}]*\*?$",
    "not" = { "pattern": r"(^refs/|^(heads|tags)/$|\.\.|@\{|^[-./]|/[-./]|[./]$|\.lock(/|$))" }
))]
pub struct RefPattern(String);

impl RefPattern {
    /// Whether this pattern allows that ref. Pull requests are never allowed by a pattern: they have a rule of
    /// their own.
    pub fn matches(&self, git_ref: &GitRef) -> bool {
        let name = match git_ref {
            GitRef::Branch(name) => format!("heads/{name}"),
            GitRef::Tag(name) => format!("tags/{name}"),
            GitRef::PullRequest(_) => return false,
        };
        match self.0.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == self.0,
        }
    }
}

impl TryFrom<String> for RefPattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        const RULE: &str =
            "an entry of refs is heads/<branch>, tags/<tag> or a bare branch, exact or with one * at its end";
        let full = match text.split_once('/') {
            Some(("heads" | "tags", _)) => text.clone(),
            // `refs/heads/main` would silently become the branch "refs/heads/main", which nobody has.
            Some(("refs", _)) => return Err(invalid(&text, RULE)),
            _ => format!("heads/{text}"),
        };
        let (_, name) = full.split_once('/').unwrap_or_default();
        // A `*` alone, or after a slash, leaves nothing to check in the last part: put a letter in its place.
        let sample = name.strip_suffix('*').map_or_else(|| name.to_owned(), |start| format!("{start}x"));
        validate_ref(&sample).map_err(|_| invalid(&text, RULE))?;
        Ok(Self(full))
    }
}

impl From<RefPattern> for String {
    fn from(pattern: RefPattern) -> String {
        pattern.0
    }
}

impl std::fmt::Display for RefPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
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
