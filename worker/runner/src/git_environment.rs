use std::env;
use std::ffi::OsString;
use std::process::Command;

use doorbell_messages::GitUrl;

use crate::authorization::Authorization;
use crate::settings::RunnerSettings;

/// What git gets of our environment: how to reach the network, and where to put temporary files. Everything else (a
/// request's variables, `GIT_*`, `LD_*`, the role's credentials) could only do harm.
pub(crate) const INHERITED_VARIABLES: [&str; 11] = [
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "all_proxy",
    "https_proxy",
    "http_proxy",
    "no_proxy",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "TMPDIR",
];

/// The image's and the user's configuration are not read, so this is all of it. A repository can't configure git; it
/// can only name what the configuration then allows.
const CONFIG: [(&str, &str); 17] = [
    // A repository's own files that would run a program. Filters (LFS too) run only where a configuration defines
    // them; here none is.
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    // Where else a credential or an answer could come from, or go to. git repeats our header after a redirect, to
    // any host that it names; so there are none.
    ("http.followRedirects", "false"),
    ("transfer.bundleURI", "false"),
    ("credential.helper", ""),
    ("core.askPass", ""),
    // Nothing may go on in the background while the project's command runs.
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    // A server that says nothing for five minutes will not say more.
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "300"),
    ("protocol.version", "2"),
    ("advice.detachedHead", "false"),
    ("init.defaultBranch", "none"),
    // git checks every object's hash anyway. Its stricter check refuses harmless old repositories for their form,
    // and what it would find (a ".git" in a tree, hostile submodules) is refused at checkout or never used.
    ("transfer.fsckObjects", "false"),
];

/// Gives `command` the whole environment that git sees.
pub(crate) fn apply(command: &mut Command, settings: &RunnerSettings, header: Option<(&GitUrl, &Authorization)>) {
    command.env_clear().envs(INHERITED_VARIABLES.iter().filter_map(|name| Some((name, env::var_os(name)?))));
    command.envs([
        ("LC_ALL", "C"),
        // No ~/.netrc, no ~/.config/git; ssh asks the system for the home folder, not this.
        ("HOME", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_ATTR_NOSYSTEM", "1"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        // No hooks of the image in what `git submodule` clones.
        ("GIT_TEMPLATE_DIR", ""),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ASKPASS", ""),
        ("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ControlMaster=no -o ControlPath=none"),
        ("GIT_ALLOW_PROTOCOL", &settings.git_protocols),
    ]);
    command.env("PATH", absolute_directories(env::var_os("PATH").unwrap_or_default()));
    command.envs(settings.certificates.iter().map(|file| ("GIT_SSL_CAINFO", file)));
    configure(command, header);
}

/// The credential travels here, in the environment of this one git process and its transport helper: an argv is
/// readable by every user of the machine, a URL ends in logs and in `.git/config`, a file outlives a crash. Nothing
/// of the project runs until these processes are gone.
fn configure(command: &mut Command, header: Option<(&GitUrl, &Authorization)>) {
    let fixed = CONFIG.iter().map(|(key, value)| ((*key).to_owned(), *value));
    let header = header
        .and_then(|(url, authorization)| Some((format!("http.{}.extraHeader", origin(url)?), authorization.header())));
    let count = fixed.chain(header).enumerate().fold(0, |_, (n, (key, value))| {
        command.env(format!("GIT_CONFIG_KEY_{n}"), key).env(format!("GIT_CONFIG_VALUE_{n}"), value);
        n + 1
    });
    command.env("GIT_CONFIG_COUNT", count.to_string());
}

/// `https://host:port/`, the only place that the credential is sent to; `None` where the protocol has no headers.
pub(crate) fn origin(url: &GitUrl) -> Option<String> {
    let (scheme, rest) = url.as_str().split_once("://").filter(|(scheme, _)| matches!(*scheme, "https" | "http"))?;
    let (authority, _) = rest.split_once('/')?;
    Some(format!("{scheme}://{authority}/"))
}

/// A relative folder in PATH would take programs from the checkout of a stranger.
fn absolute_directories(path: OsString) -> OsString {
    env::join_paths(env::split_paths(&path).filter(|directory| directory.is_absolute())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credential_is_scoped_to_repository_origin() {
        let check = |url: &str, expected: Option<&str>| assert_eq!(origin(&url.parse().unwrap()).as_deref(), expected);
        check("https://host/a/b.git", Some("https://host/"));
        check("https://host:8443/a", Some("https://host:8443/"));
        check("http://host/a", Some("http://host/"));
        check("ssh://git@host/a", None);
        check("git@host:a/b", None);
        check("file:///srv/a", None);
    }

    #[test]
    fn path_keeps_absolute_directories_only() {
        assert_eq!(absolute_directories(".:/usr/bin::bin:/bin".into()), OsString::from("/usr/bin:/bin"));
    }
}
