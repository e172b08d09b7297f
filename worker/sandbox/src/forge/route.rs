//! Pagure's paths. A repository has four spellings in the API, and a fork's differs from the one git uses.

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Version,
    Repository {
        name: String,
        resource: Resource,
    },
    /// `/<name>.git/…`
    Git {
        name: String,
    },
}

/// What a path names within a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    Project,
    Branches,
    Tags,
    CommitFlags(String),
    PullRequest(u64),
    PullRequestFlags(u64),
    Comments(u64),
    Comment(u64, u64),
    /// The route of Doorbell's plugin, which a Pagure has only with it.
    CiNotification,
}

impl Route {
    pub(super) fn parse(path: &str) -> Option<Self> {
        match path.strip_prefix("/api/0/") {
            Some("version") => Some(Self::Version),
            Some(rest) => api(rest),
            None => path.strip_prefix('/')?.split_once(".git/").map(|(name, _)| Self::Git { name: name.to_owned() }),
        }
    }
}

impl Resource {
    /// The methods in the order in which the framework lists them.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Self::CommitFlags(_) | Self::PullRequestFlags(_) => "GET, HEAD, POST, OPTIONS",
            Self::Comments(_) | Self::CiNotification => "POST, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }

    /// The right that a POST needs.
    pub(super) fn acl(&self) -> Option<&'static str> {
        match self {
            Self::CommitFlags(_) => Some("commit_flag"),
            Self::PullRequestFlags(_) => Some("pull_request_flag"),
            Self::Comments(_) => Some("pull_request_comment"),
            _ => None,
        }
    }
}

fn api(rest: &str) -> Option<Route> {
    if let Some(repository) = rest.strip_prefix("ci/doorbell/") {
        let segments: Vec<&str> = repository.split('/').collect();
        return Some(Route::Repository { name: full_name(&segments)?, resource: Resource::CiNotification });
    }
    let segments: Vec<&str> = rest.split('/').collect();
    let (repository, resource) = match segments.as_slice() {
        [repository @ .., "c", hash, "flag"] => (repository, Resource::CommitFlags((*hash).to_owned())),
        [repository @ .., "pull-request", id, "flag"] => (repository, Resource::PullRequestFlags(number(id)?)),
        [repository @ .., "pull-request", id, "comment"] => (repository, Resource::Comments(number(id)?)),
        [repository @ .., "pull-request", id, "comment", comment] => {
            (repository, Resource::Comment(number(id)?, number(comment)?))
        }
        [repository @ .., "pull-request", id] => (repository, Resource::PullRequest(number(id)?)),
        [repository @ .., "git", "branches"] => (repository, Resource::Branches),
        [repository @ .., "git", "tags"] => (repository, Resource::Tags),
        repository => (repository, Resource::Project),
    };
    Some(Route::Repository { name: full_name(repository)?, resource })
}

fn full_name(segments: &[&str]) -> Option<String> {
    if segments.iter().any(|part| part.is_empty()) {
        return None;
    }
    Some(match segments {
        ["fork", user, name] => format!("forks/{user}/{name}"),
        ["fork", user, namespace, name] => format!("forks/{user}/{namespace}/{name}"),
        [name] => (*name).to_owned(),
        [namespace, name] => format!("{namespace}/{name}"),
        _ => return None,
    })
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::{Resource, Route};

    #[test]
    fn a_repository_has_four_spellings_in_the_api() {
        let check = |path: &str, expected: &str| {
            let expected = Route::Repository { name: expected.to_owned(), resource: Resource::PullRequestFlags(7) };
            assert_eq!(Route::parse(&format!("/api/0/{path}/pull-request/7/flag")), Some(expected), "{path}");
        };
        check("demo", "demo");
        check("ns/demo", "ns/demo");
        check("fork/me/demo", "forks/me/demo");
        check("fork/me/ns/demo", "forks/me/ns/demo");
    }

    #[test]
    fn the_plugin_s_route_names_a_repository_as_the_api_does() {
        let check = |path: &str, expected: &str| {
            let expected = Route::Repository { name: expected.to_owned(), resource: Resource::CiNotification };
            assert_eq!(Route::parse(&format!("/api/0/ci/doorbell/{path}")), Some(expected), "{path}");
        };
        check("demo", "demo");
        check("ns/demo", "ns/demo");
        check("fork/me/demo", "forks/me/demo");
        check("fork/me/ns/demo", "forks/me/ns/demo");
        assert_eq!(Route::parse("/api/0/ci/doorbell/"), None);
    }

    #[test]
    fn a_path_that_is_no_route_is_none() {
        let check = |path| assert_eq!(Route::parse(path), None, "{path}");
        check("/");
        check("/demo");
        check("/api/0/");
        check("/api/0//c/abc/flag");
        check("/api/0/demo/pull-request/x/flag");
        check("/api/0/a/b/c/d/git/tags");
    }

    #[test]
    fn git_names_a_fork_as_clone_paths_do() {
        let expected = Some(Route::Git { name: "forks/me/demo".to_owned() });
        assert_eq!(Route::parse("/forks/me/demo.git/info/refs"), expected);
    }
}
