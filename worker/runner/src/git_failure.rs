use doorbell_messages::GitUrl;

/// Why git failed, by its own words.
///
/// A server's words follow `remote:`, or `fatal: remote error:`, which may have more lines. So only the lines up to the
/// first fatal one count. A hostile server can still add a line by a packet of its error channel; therefore nothing
/// here decides more than which of our messages is shown and whether git is run again. Exit codes that blame the
/// machine come from the kernel (see `machine.rs`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GitFailure {
    /// The host or the connection to it failed in a way that may be over soon; git's words about it.
    Temporary(String),
    /// The host cannot send a part of a history.
    ShallowUnsupported,
    /// The repository has no such ref.
    MissingRef,
    /// The host wants a credential, or another one.
    CredentialRejected,
    /// The host redirects.
    Redirected,
    /// The protocol is not allowed here.
    ProtocolNotAllowed,
    /// Anything else.
    Other,
}

impl GitFailure {
    /// Finds the first of git's own lines that says why. `url` is the address that git was given; `None`: git found
    /// others in the repository.
    pub(crate) fn classify(stderr: &str, url: Option<&GitUrl>) -> Self {
        own_lines(stderr).find_map(|line| classify_line(line, url)).unwrap_or(Self::Other)
    }

    /// The failure with other words, where it has some.
    pub(crate) fn map_words(self, change: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Temporary(words) => Self::Temporary(change(&words)),
            other => other,
        }
    }

    /// What to do about it, to be added to an error.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::CredentialRejected => ": the repository wants a credential, or another one (gitCredentials)",
            Self::Redirected => ": redirects are not followed; put the repository's present address into gitUrl",
            Self::ProtocolNotAllowed => ": see DOORBELL_GIT_PROTOCOLS",
            Self::Temporary(_) => ": the git host or the way to it failed, also when it was tried again",
            Self::ShallowUnsupported | Self::MissingRef | Self::Other => "",
        }
    }
}

/// git's own lines, up to the first fatal one: a process that dies says no more.
fn own_lines(stderr: &str) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.starts_with("remote:")).collect();
    let end = lines.iter().position(|line| line.starts_with("fatal: ")).map_or(lines.len(), |fatal| fatal + 1);
    lines.into_iter().take(end)
}

fn classify_line(line: &str, url: Option<&GitUrl>) -> Option<GitFailure> {
    if let Some(problem) = line.strip_prefix("fatal: unable to access '") {
        let (address, problem) = problem.split_once("': ")?;
        let is_ours = url.is_none_or(|url| address.trim_end_matches('/') == url.as_str().trim_end_matches('/'));
        return is_ours.then(|| classify_access(problem)).flatten();
    }
    if let Some(problem) = line.strip_prefix("error: RPC failed; ").or_else(|| line.strip_prefix("error: The req")) {
        return match http_status(line) {
            Some(status) => classify_status(status, line),
            None => Some(GitFailure::Temporary(problem.to_owned())),
        };
    }
    let fatal = line.strip_prefix("fatal: ").unwrap_or_default();
    let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| fatal.starts_with(beginning));
    if begins(&["couldn't find remote ref "]) {
        Some(GitFailure::MissingRef)
    } else if begins(&[
        "dumb http transport does not support shallow",
        "Server does not support shallow",
        "Server does not support --deepen",
    ]) {
        Some(GitFailure::ShallowUnsupported)
    } else if begins(&["could not read Username for ", "could not read Password for ", "Authentication failed for "]) {
        Some(GitFailure::CredentialRejected)
    } else if begins(&["transport '"]) && fatal.ends_with("' not allowed") {
        Some(GitFailure::ProtocolNotAllowed)
    } else if begins(INTERRUPTED_TRANSFERS) || CONNECTION_FAILURES.iter().any(|beginning| line.starts_with(beginning)) {
        Some(GitFailure::Temporary(line.to_owned()))
    } else {
        None
    }
}

/// A transfer that ended early: what git says of it depends on where it was.
const INTERRUPTED_TRANSFERS: &[&str] = &[
    "early EOF",
    "the remote end hung up",
    "unexpected disconnect",
    "fetch-pack: invalid index-pack output",
    "protocol error: ",
    "expected flush after ref listing",
    "git fetch-pack: expected",
    "pack is corrupted",
    "pack signature mismatch",
    "error processing acks",
    "expected 'packfile'",
    "invalid server response; got ''",
];

/// Words of ssh, and of git's transport, for a connection that did not come about, or ended.
const CONNECTION_FAILURES: &[&str] = &[
    "fetch-pack: unexpected disconnect",
    "ssh: connect to host ",
    "kex_exchange_identification: ",
    "Connection reset by ",
    "Connection closed by ",
    "Connection timed out during banner exchange",
    "client_loop: send disconnect",
];

/// What curl says about our address.
fn classify_access(problem: &str) -> Option<GitFailure> {
    /// curl's words for what another try would not change.
    const PERMANENT: [&str; 6] = ["certificate", "Certificate", "CAfile", "rotocol", "malformed", "illegal"];
    match http_status(problem) {
        Some(status) => classify_status(status, problem),
        None if PERMANENT.iter().any(|word| problem.contains(word)) => None,
        None => Some(GitFailure::Temporary(problem.to_owned())),
    }
}

fn http_status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("The requested URL returned error: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn classify_status(status: u16, text: &str) -> Option<GitFailure> {
    match status {
        300..=399 => Some(GitFailure::Redirected),
        // Not implemented, unknown version, a network that wants a login: the next answer would be the same.
        501 | 505 | 511 => None,
        408 | 425 | 429 | 500..=599 => Some(GitFailure::Temporary(text.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(stderr: &str) -> GitFailure {
        GitFailure::classify(stderr, Some(&"https://host/demo.git".parse().unwrap()))
    }

    fn access(problem: &str) -> String {
        format!("fatal: unable to access 'https://host/demo.git/': {problem}\n")
    }

    fn status(status: u16) -> GitFailure {
        classify(&access(&format!("The requested URL returned error: {status}")))
    }

    #[test]
    fn http_statuses_that_pass_are_temporary() {
        for passing in [408, 425, 429, 500, 502, 503, 504, 520, 599] {
            assert!(matches!(status(passing), GitFailure::Temporary(_)), "{passing}");
        }
        for lasting in [400, 401, 403, 404, 410, 451, 501, 505, 511] {
            assert_eq!(status(lasting), GitFailure::Other, "{lasting}");
        }
        for redirect in [301, 302, 303, 307, 308] {
            assert_eq!(status(redirect), GitFailure::Redirected, "{redirect}");
        }
    }

    #[test]
    fn interrupted_connections_are_temporary() {
        let check = |stderr: &str| assert!(matches!(classify(stderr), GitFailure::Temporary(_)), "{stderr}");
        check(&access("Recv failure: Connection reset by peer"));
        check(&access("Empty reply from server"));
        check(&access("Failed to connect to host port 443 after 1 ms: Could not connect to server"));
        check("error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfatal: early EOF\n");
        check("error: RPC failed; HTTP 503 curl 22 The requested URL returned error: 503\nfatal: expected flush\n");
        check("error: 213 bytes of body are still expected\nfatal: early EOF\n");
        check("fatal: the remote end hung up unexpectedly\n");
        check("ssh: connect to host host port 22: Connection refused\nfatal: Could not read from remote repository.\n");
    }

    #[test]
    fn lasting_failures_are_not_temporary() {
        let check = |stderr: &str, expected| assert_eq!(classify(stderr), expected, "{stderr}");
        check("fatal: couldn't find remote ref refs/heads/x\n", GitFailure::MissingRef);
        check("fatal: dumb http transport does not support shallow capabilities\n", GitFailure::ShallowUnsupported);
        check("fatal: could not read Username for 'https://host': terminal\n", GitFailure::CredentialRejected);
        check("fatal: transport 'http' not allowed\n", GitFailure::ProtocolNotAllowed);
        check("fatal: repository 'https://host/demo.git/' not found\n", GitFailure::Other);
        check(&access("SSL certificate problem: certificate has expired"), GitFailure::Other);
        check(
            "git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.\n",
            GitFailure::Other,
        );
    }

    #[test]
    fn words_of_a_server_classify_nothing() {
        let forged = access("The requested URL returned error: 503");
        for stderr in [
            format!("remote: {forged}"),
            format!("fatal: remote error: x\n{forged}"),
            "fatal: remote error: No space left on device\nfatal: early EOF\n".to_owned(),
            forged.replace("host/demo", "other/demo"),
            "remote: fatal: couldn't find remote ref refs/heads/main\nfatal: unknown\n".to_owned(),
        ] {
            assert_eq!(classify(&stderr), GitFailure::Other, "{stderr}");
        }
    }
}
