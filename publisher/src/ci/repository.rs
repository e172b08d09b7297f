/// The last part of a repository's path or URL, without `.git`: `demo` of `https://token@host/acme/demo.git`.
pub(crate) fn repository_name(path: &str) -> String {
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    path.rsplit(['/', ':']).next().unwrap_or_default().to_owned()
}

/// A repository's host and path, written the same way whichever URL it is fetched by.
pub(super) fn canonical_location(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = match rest.split_once('@') {
        Some((user, rest)) if !user.contains('/') => rest,
        _ => rest,
    };
    let rest = rest.trim_end_matches('/');
    // The host ends at a colon in git@host:path, and at a slash elsewhere.
    rest.strip_suffix(".git").unwrap_or(rest).replacen(':', "/", 1).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, name: &str, location: &str) {
        assert_eq!((&*repository_name(url), &*canonical_location(url)), (name, location));
    }

    #[test]
    fn repository_urls_share_one_canonical_location() {
        for url in [
            "git@github.com:acme/demo.git",
            "https://github.com/acme/demo",
            "https://user:token@github.com/Acme/demo.git/",
            "git://github.com/acme/demo.git",
            "ssh://git@github.com/acme/demo",
        ] {
            check(url, "demo", "github.com/acme/demo");
        }
        check("git@host:demo.git", "demo", "host/demo");
        check("acme/demo", "demo", "acme/demo");
        check("", "", "");
    }
}
