use doorbell_messages::text::invalid;
use doorbell_messages::{parse, validated_text};
use serde::{Deserialize, Serialize};

use crate::SecretId;

/// The forge and repository that a job's status is reported to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReportConfig {
    /// The kind of forge.
    #[serde(rename = "type", deserialize_with = "parse::word")]
    pub kind: ForgeKind,
    /// The forge's address.
    pub url: ForgeUrl,
    /// The repository as the forge's API spells it: `name`, `namespace/name` or `fork/user/name`.
    pub repo: ForgeRepo,
    /// The secret whose whole string is the forge's token, read by the worker. For `pagure` it is an API token with
    /// the ACL `commit_flag`, for `pagure-ci` the token of the repository's hook.
    pub token_secret: SecretId,
    /// The name that the flag shows; not an account.
    #[serde(default = "default_username")]
    pub username: String,
}

fn default_username() -> String {
    "Doorbell".to_owned()
}

/// The kinds of forges that a status can be reported to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ForgeKind {
    /// The flag API, which every Pagure has.
    Pagure,
    /// The route of Doorbell's plugin for Pagure.
    PagureCi,
}

validated_text!(
    /// `https://host[:port][/path]`, without user name, query or fragment.
    ForgeUrl, validate_forge_url, "pattern" = r"^https://[A-Za-z0-9\[][A-Za-z0-9._:/~\[\]-]*$", "maxLength" = 512
);
validated_text!(
    /// A path of at most four parts.
    ForgeRepo, validate_forge_repo, "pattern" = r"^[A-Za-z0-9_+-][A-Za-z0-9._+-]*(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*){0,3}$", "maxLength" = 255
);

impl ForgeUrl {
    /// What all calls to this forge share, on every path: scheme, host and port, in one spelling.
    pub fn destination(&self) -> String {
        let rest = self.as_str().strip_prefix("https://").unwrap_or(self.as_str());
        let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority).to_ascii_lowercase();
        // The colons inside the brackets of an IPv6 address are no separators.
        let host_end = authority.rfind(']').unwrap_or_default();
        let (host, port) = match authority[host_end..].find(':') {
            Some(colon) => (&authority[..host_end + colon], &authority[host_end + colon + 1..]),
            None => (authority.as_str(), ""),
        };
        let port: u16 = port.parse().unwrap_or(DEFAULT_PORT);
        format!("https://{}:{port}", host.trim_end_matches('.'))
    }
}

/// The port of HTTPS.
const DEFAULT_PORT: u16 = 443;

fn validate_forge_url(text: &str) -> Result<(), String> {
    const RULE: &str = "https://host[:port][/path], without user name, query or fragment";
    let rest = text.strip_prefix("https://").unwrap_or_default();
    let good = !rest.is_empty()
        && text.len() <= 512
        && rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:/~[]".contains(&b));
    good.then_some(()).ok_or_else(|| match text.rsplit_once('@') {
        Some((_, after)) => invalid(&format!("...@{after}"), RULE),
        None => invalid(text, RULE),
    })
}

fn validate_forge_repo(text: &str) -> Result<(), String> {
    let part_ok = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
    };
    let good = text.len() <= 255 && text.split('/').count() <= 4 && text.split('/').all(part_ok);
    good.then_some(()).ok_or_else(|| invalid(text, "name, namespace/name or fork/user/name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forge_destination_is_scheme_host_and_port() {
        for (url, destination) in [
            ("https://forge.example", "https://forge.example:443"),
            ("https://Forge.example./a/path/", "https://forge.example:443"),
            ("https://forge.example:443/", "https://forge.example:443"),
            ("https://forge.example:0443", "https://forge.example:443"),
            ("https://forge.example:8443/a:b", "https://forge.example:8443"),
            ("https://[2001:DB8::1]", "https://[2001:db8::1]:443"),
            ("https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443"),
        ] {
            assert_eq!(url.parse::<ForgeUrl>().unwrap().destination(), destination, "{url}");
        }
    }
}
