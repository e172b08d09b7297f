use serde::{Deserialize, Serialize};

use crate::text::invalid;
use crate::{GitRef, RefName};

/// An entry of a project's `refs`: `heads/main`, `tags/v*`, or a bare name for a branch.
///
/// It is exact, or has one `*` at its end, which matches any rest, slashes included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(extend(
    "minLength" = 1,
    "pattern" = r"^[!-)+-9;->@-Z\]_-}]*\*?$",
    "not" = { "pattern": r"(^refs/|^(heads|tags)/$|\.\.|@\{|^[-./]|/[-./]|[./]$|\.lock(/|$))" }
)))]
pub struct RefPattern(String);

impl RefPattern {
    /// Whether this pattern matches a ref. It never matches a pull request: those have a rule of their own.
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
        const RULE: &str = "heads/<branch>, tags/<tag> or a branch name, exact or with one * at its end";
        let full = match text.split_once('/') {
            Some(("heads" | "tags", _)) => text.clone(),
            // `refs/heads/main` would become the branch "refs/heads/main", which does not exist.
            Some(("refs", _)) => return Err(invalid(&text, RULE)),
            _ => format!("heads/{text}"),
        };
        let (_, name) = full.split_once('/').unwrap_or_default();
        // A `*` alone, or after a slash, leaves nothing to check in the last part: check it with a letter instead.
        let sample = name.strip_suffix('*').map_or_else(|| name.to_owned(), |start| format!("{start}x"));
        sample.parse::<RefName>().map_err(|_| invalid(&text, RULE))?;
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
