use serde::{Deserialize, Serialize};

use crate::parse;
use crate::text::{escape_line, quote};

/// What a checkout fetches beyond the files of the one commit.
///
/// The default is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckoutOptions {
    /// Whether the runner checks out the submodules, recursively.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub submodules: bool,
    /// Whether the runner fetches the LFS files of the commit. The build image needs `git-lfs`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lfs: bool,
    /// Whether the runner fetches the tags of the fetched history.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tags: bool,
    /// How many commits of the history the runner fetches at least. Without it: 1, or 0 where `tags` is set.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present")]
    #[cfg_attr(feature = "schema", schemars(with = "CheckoutDepth"))]
    pub depth: Option<CheckoutDepth>,
}

/// 1 to 1,000,000 commits, or 0 for the whole history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "u32", into = "u32")]
#[cfg_attr(feature = "schema", schemars(extend("minimum" = 0, "maximum" = 1_000_000)))]
pub struct CheckoutDepth(u32);

/// How much of the history a checkout needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckoutHistory {
    /// At least this many commits, the built one included; 1 or more.
    Commits(u32),
    /// All of it.
    Whole,
}

impl CheckoutOptions {
    /// The keys, in documents and in the build's environment.
    pub const KEYS: &[&str] = &["submodules", "lfs", "tags", "depth"];

    /// The history that the command needs.
    ///
    /// Tags without `depth` need all of it: a version that is made of tags counts commits back to one.
    pub fn history(self) -> CheckoutHistory {
        match self.depth {
            Some(CheckoutDepth(0)) => CheckoutHistory::Whole,
            Some(CheckoutDepth(commits)) => CheckoutHistory::Commits(commits),
            None if self.tags => CheckoutHistory::Whole,
            None => CheckoutHistory::Commits(1),
        }
    }
}

/// The form in the build's environment: a JSON object.
impl std::fmt::Display for CheckoutOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| std::fmt::Error)?)
    }
}

impl std::str::FromStr for CheckoutOptions {
    type Err = String;

    /// An unknown key is an error: a runner that ignored it would run the command on less than the owner asked for.
    fn from_str(text: &str) -> Result<Self, String> {
        let map: serde_json::Map<String, serde_json::Value> = parse::json(text).map_err(|error| error.to_string())?;
        if let Some(key) = map.keys().find(|key| !Self::KEYS.contains(&key.as_str())) {
            return Err(format!("unknown key {}: this runner is older than the worker that started it", quote(key)));
        }
        parse::value(map.into()).map_err(|error| escape_line(&error.to_string(), 200))
    }
}

impl TryFrom<u32> for CheckoutDepth {
    type Error = String;
    fn try_from(commits: u32) -> Result<Self, String> {
        const MAX_COMMITS: u32 = 1_000_000;
        if commits <= MAX_COMMITS {
            Ok(Self(commits))
        } else {
            Err(format!("invalid value {commits}: expected 1 to {MAX_COMMITS} commits, or 0 for the whole history"))
        }
    }
}

impl From<CheckoutDepth> for u32 {
    fn from(depth: CheckoutDepth) -> u32 {
        depth.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkout_options_round_trip_through_text() {
        let check = |text: &str, history: CheckoutHistory| {
            let options: CheckoutOptions = text.parse().unwrap();
            assert_eq!((options.to_string().as_str(), options.history()), (text, history));
        };
        check("{}", CheckoutHistory::Commits(1));
        check(r#"{"submodules":true,"lfs":true}"#, CheckoutHistory::Commits(1));
        check(r#"{"tags":true}"#, CheckoutHistory::Whole);
        check(r#"{"tags":true,"depth":50}"#, CheckoutHistory::Commits(50));
        check(r#"{"depth":0}"#, CheckoutHistory::Whole);
        assert_eq!(CheckoutOptions::default().to_string(), "{}");
    }

    #[test]
    fn invalid_checkout_options_are_rejected() {
        let check = |text: &str, part: &str| {
            let error = text.parse::<CheckoutOptions>().unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check(r#"{"sparse":true}"#, "unknown key \"sparse\"");
        check(r#"{"depth":1000001}"#, "1 to 1000000");
        check(r#"{"depth":-1}"#, "whole number");
        check(r#"{"tags":"yes"}"#, "boolean");
        check("true", "JSON object");
    }
}
