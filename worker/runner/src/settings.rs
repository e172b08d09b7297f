use std::ffi::OsString;
use std::time::Duration;

use crate::error::RunnerError;

/// Colon-separated: the protocols that git may use.
const GIT_PROTOCOLS: &str = "DOORBELL_GIT_PROTOCOLS";
/// Seconds between TERM and KILL.
const KILL_GRACE_SECONDS: &str = "DOORBELL_KILL_GRACE_SECONDS";
/// Seconds, from a git host's first failure, within which it is tried again.
const GIT_RETRY_SECONDS: &str = "DOORBELL_GIT_RETRY_SECONDS";
/// A file of certificate authorities, as OpenSSL and the SDKs read it.
const SSL_CERT_FILE: &str = "SSL_CERT_FILE";

/// What the owner of the build machine decides. No request can set these names: they are reserved.
#[derive(Debug)]
pub(crate) struct RunnerSettings {
    /// In git's words and in its form for `GIT_ALLOW_PROTOCOL`.
    pub(crate) git_protocols: String,
    /// Between TERM and KILL.
    pub(crate) kill_grace: Duration,
    /// From a git host's first failure until the last try begins.
    pub(crate) git_retry_window: Duration,
    /// Authorities to trust instead of the image's own.
    pub(crate) certificates: Option<OsString>,
}

impl RunnerSettings {
    /// # Errors
    /// The first setting that can't be meant.
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, RunnerError> {
        let text = |name: &str, default: &str| match lookup(name).filter(|value| !value.is_empty()) {
            Some(value) => value
                .into_string()
                .map_err(|_| RunnerError::environment(format!("environment variable {name}: it is not UTF-8"))),
            None => Ok(default.to_owned()),
        };
        Ok(Self {
            git_protocols: parse_protocols(text(GIT_PROTOCOLS, "https:ssh")?)?,
            kill_grace: parse_seconds(KILL_GRACE_SECONDS, &text(KILL_GRACE_SECONDS, "10")?)?,
            git_retry_window: parse_seconds(GIT_RETRY_SECONDS, &text(GIT_RETRY_SECONDS, "60")?)?,
            certificates: lookup(SSL_CERT_FILE).filter(|path| !path.is_empty()),
        })
    }

    /// Whether git may use that protocol.
    pub(crate) fn allows(&self, protocol: &str) -> bool {
        self.git_protocols.split(':').any(|allowed| allowed == protocol)
    }
}

/// Only what a `GitUrl` can hold: `ext` or a remote helper in the list could only be a mistake.
fn parse_protocols(list: String) -> Result<String, RunnerError> {
    match list.split(':').find(|name| !matches!(*name, "https" | "ssh" | "http" | "file")) {
        None => Ok(list),
        Some(name) => Err(RunnerError::environment(format!(
            "environment variable {GIT_PROTOCOLS}: {name:?} is none of https, ssh, http and file (separated by colons)"
        ))),
    }
}

fn parse_seconds(name: &str, text: &str) -> Result<Duration, RunnerError> {
    const MAX_SECONDS: u64 = 600;
    match text.parse() {
        Ok(seconds) if seconds <= MAX_SECONDS => Ok(Duration::from_secs(seconds)),
        _ => Err(RunnerError::environment(format!(
            "environment variable {name}: {text:?} is not 0 to {MAX_SECONDS} seconds"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<RunnerSettings, RunnerError> {
        RunnerSettings::read(|asked| (asked == name).then(|| OsString::from(value)))
    }

    #[test]
    fn default_settings_allow_encrypted_protocols_only() {
        let settings = read("", "").unwrap();
        assert_eq!(settings.git_protocols, "https:ssh");
        assert_eq!(settings.kill_grace, Duration::from_secs(10));
        assert_eq!(settings.git_retry_window, Duration::from_secs(60));
        assert!(settings.allows("https") && settings.allows("ssh"));
        assert!(!settings.allows("http") && !settings.allows("file") && !settings.allows("http:ssh"));
    }

    /// A request's variables stand in the same environment.
    #[test]
    fn every_variable_that_steers_the_runner_is_reserved() {
        let settings = [GIT_PROTOCOLS, KILL_GRACE_SECONDS, GIT_RETRY_SECONDS, SSL_CERT_FILE, "PATH", "GIT_SSL_CAINFO"];
        for name in settings.iter().chain(&crate::git_environment::INHERITED_VARIABLES) {
            assert!(doorbell_messages::is_reserved_variable(&name.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn invalid_setting_is_rejected_by_name() {
        let check = |name: &str, value: &str| {
            let error = read(name, value).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        };
        for value in ["ext", "https:ext", "https,ssh", "https:", "HTTPS", "git", "https: ssh"] {
            check(GIT_PROTOCOLS, value);
        }
        for value in ["-1", "601", "ten", "1.5"] {
            check(KILL_GRACE_SECONDS, value);
            check(GIT_RETRY_SECONDS, value);
        }
    }
}
