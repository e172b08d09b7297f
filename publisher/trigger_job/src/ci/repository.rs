/// The last part of a repository's path or URL, without `.git`: `demo` of `https://token@host/acme/demo.git`.
pub(crate) fn repository_name(path: &str) -> String {
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    path.rsplit(['/', ':']).next().unwrap_or_default().to_owned()
}

/// A repository's path at its forge, written the same way whichever URL it is fetched by: `acme/demo`.
///
/// Without the host: one forge has several, as an alias of ssh, with another port, or for ssh over port 443.
pub(super) fn repository_path(url: &str) -> Option<String> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').unwrap_or_default().1,
        None => scp_path(url),
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).to_ascii_lowercase();
    // Bitbucket's own server has this before the path, over HTTPS only.
    let path = path.strip_prefix("scm/").unwrap_or(&path);
    (!path.is_empty()).then(|| path.to_owned())
}

/// The path of `user@host:path`. The host ends at the first colon before any slash; an IPv6 address is in brackets.
fn scp_path(url: &str) -> &str {
    let after_address = url.rfind(']').map_or(url, |end| &url[end..]);
    match after_address.split_once(':') {
        Some((host, path)) if !host.contains('/') => path,
        _ => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, name: &str, path: &str) {
        assert_eq!((&*repository_name(url), &*repository_path(url).unwrap_or_default()), (name, path), "{url}");
    }

    #[test]
    fn repository_urls_share_one_path() {
        for url in [
            "git@github.com:acme/demo.git",
            "git@github.com-acme-demo:acme/demo.git",
            "git@github.com:/acme/demo",
            "https://github.com/acme/demo",
            "https://user:token@github.com/Acme/demo.git/",
            "https://user:to@ken@github.com/acme/demo.git",
            "git://github.com/acme/demo.git",
            "ssh://git@github.com/acme/demo",
            "ssh://git@ssh.github.com:443/acme/demo.git",
            "ssh://git@[2001:db8::1]:2222/acme/demo.git",
            "git@[2001:db8::1]:acme/demo.git",
            "https://bitbucket.example.org/scm/acme/demo.git",
        ] {
            check(url, "demo", "acme/demo");
        }
        check("git@host:demo.git", "demo", "demo");
        check("acme/demo", "demo", "acme/demo");
        check("https://gitlab.com/stranger/acme/demo.git", "demo", "stranger/acme/demo");
        check("https://host", "host", "");
        check("", "", "");
    }
}
