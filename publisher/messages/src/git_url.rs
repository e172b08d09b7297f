use serde::{Deserialize, Serialize};

use crate::text::invalid;

/// Where a project's repository is. `https://host/path`, `ssh://[user@]host/path` or `user@host:path`; `http://` and
/// `file:///` parse too, but the runner refuses them unless its owner allows those protocols.
///
/// No password and, outside ssh, no user name: a credential in a URL ends in logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(extend("pattern" = SCHEMA_PATTERN, "maxLength" = 1024, "not" = { "pattern": "::" })))]
pub struct GitUrl(String);

/// As much of [`validate`] as a schema can say.
const SCHEMA_PATTERN: &str = concat!(
    r"^(file:///[!-~]*",
    r"|https?://[A-Za-z0-9_][A-Za-z0-9._-]*(:[0-9]{1,5})?/[!-~]+",
    r"|ssh://([A-Za-z0-9._][A-Za-z0-9._-]*@)?[A-Za-z0-9_][A-Za-z0-9._-]*(:[0-9]{1,5})?/[!-~]+",
    r"|[A-Za-z0-9._][A-Za-z0-9._-]*@[A-Za-z0-9_][A-Za-z0-9._-]*:[!-,.-~][!-~]*)$"
);

impl GitUrl {
    /// The URL, for git.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The protocol, in git's words (`https`, `http`, `ssh`, `file`).
    pub fn protocol(&self) -> &str {
        self.0.split_once("://").map_or("ssh", |(scheme, _)| scheme)
    }
}

impl TryFrom<String> for GitUrl {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        validate(&text).map_err(|rule| invalid_redacted(&text, rule))?;
        Ok(Self(text))
    }
}

impl From<GitUrl> for String {
    fn from(url: GitUrl) -> String {
        url.0
    }
}

impl std::str::FromStr for GitUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::try_from(text.to_owned())
    }
}

impl std::fmt::Display for GitUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

const CREDENTIAL_RULE: &str =
    "a git URL holds no user name or password: put them in a secret and name it in gitCredentials";

fn validate(text: &str) -> Result<(), &'static str> {
    const SHAPE_RULE: &str = "a git URL is https://host/path, ssh://user@host/path or user@host:path";
    if text.len() > 1024 || !text.bytes().all(|b| b.is_ascii_graphic()) || text.starts_with('-') {
        return Err("a git URL is printable ASCII without spaces, at most 1024 bytes, and does not begin with -");
    }
    if text.contains("::") {
        return Err("a git URL can't name a transport helper (::)");
    }
    match text.split_once("://") {
        Some(("file", path)) => path.starts_with('/').then_some(()).ok_or(SHAPE_RULE),
        Some((scheme @ ("https" | "http" | "ssh"), rest)) => {
            let (authority, path) = rest.split_once('/').ok_or(SHAPE_RULE)?;
            let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
            validate_user(user, authority.contains('@'), scheme)?;
            validate_host(host)?;
            // `https://ada:12/34@host/x`: a password with a slash, which reads as a port and a path.
            if authority.contains(':') && !authority.contains('@') && path.contains('@') {
                return Err(CREDENTIAL_RULE);
            }
            (!path.is_empty()).then_some(()).ok_or(SHAPE_RULE)
        }
        Some(_) => Err(SHAPE_RULE),
        None => {
            let (authority, path) = text.split_once(':').ok_or(SHAPE_RULE)?;
            let (user, host) = authority.split_once('@').ok_or(SHAPE_RULE)?;
            validate_user(user, true, "ssh")?;
            validate_host(host)?;
            (!path.is_empty() && !path.starts_with('-')).then_some(()).ok_or(SHAPE_RULE)
        }
    }
}

fn validate_user(user: &str, given: bool, scheme: &str) -> Result<(), &'static str> {
    if !given {
        return Ok(());
    }
    if scheme != "ssh" || user.contains(':') {
        return Err(CREDENTIAL_RULE);
    }
    let plain = !user.is_empty()
        && !user.starts_with('-')
        && user.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    plain.then_some(()).ok_or("the user name of an ssh URL is letters, digits, dot, - and _")
}

fn validate_host(host: &str) -> Result<(), &'static str> {
    let (name, port) = host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let name_ok = !name.is_empty()
        && !name.starts_with(['-', '.'])
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let port_ok = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    (name_ok && port_ok)
        .then_some(())
        .ok_or("the host of a git URL is a name or an IPv4 address, with an optional port")
}

/// The text may hold a password, and this error is told to people and logs: show the host at most.
fn invalid_redacted(text: &str, rule: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, after)) => invalid(&format!("...@{after}"), rule),
        None => invalid(text, rule),
    }
}
