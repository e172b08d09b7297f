//! Pagure's paths. A repository has four forms in the API, and a fork's differs from its clone path.

/// The target of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ForgeRoute {
    Version,
    Repository {
        name: String,
        resource: RepositoryResource,
    },
    /// `/<name>.git/…`
    Git {
        name: String,
    },
}

/// The target within a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RepositoryResource {
    Project,
    Branches,
    Tags,
    CommitFlags(String),
    PullRequest(u64),
    PullRequestFlags(u64),
    Comments(u64),
    Comment(u64, u64),
    /// The route of Doorbell's plugin, which Pagure has only with the plugin.
    CiNotification,
}

impl ForgeRoute {
    pub(super) fn parse(path: &str) -> Option<Self> {
        match path.strip_prefix("/api/0/") {
            Some("version") => Some(Self::Version),
            Some(rest) => api(rest),
            None => path.strip_prefix('/')?.split_once(".git/").map(|(name, _)| Self::Git { name: name.to_owned() }),
        }
    }
}

impl RepositoryResource {
    /// The methods in the order in which the framework lists them.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Self::CommitFlags(_) | Self::PullRequestFlags(_) => "GET, HEAD, POST, OPTIONS",
            Self::Comments(_) | Self::CiNotification => "POST, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }

    /// The ACL that a POST needs.
    pub(super) fn acl(&self) -> Option<&'static str> {
        match self {
            Self::CommitFlags(_) => Some("commit_flag"),
            Self::PullRequestFlags(_) => Some("pull_request_flag"),
            Self::Comments(_) => Some("pull_request_comment"),
            _ => None,
        }
    }
}

fn api(rest: &str) -> Option<ForgeRoute> {
    if let Some(repository) = rest.strip_prefix("ci/doorbell/") {
        let segments: Vec<&str> = repository.split('/').collect();
        return Some(ForgeRoute::Repository {
            name: full_name(&segments)?,
            resource: RepositoryResource::CiNotification,
        });
    }
    let segments: Vec<&str> = rest.split('/').collect();
    let (repository, resource) = match segments.as_slice() {
        [repository @ .., "c", hash, "flag"] => (repository, RepositoryResource::CommitFlags((*hash).to_owned())),
        [repository @ .., "pull-request", id, "flag"] => {
            (repository, RepositoryResource::PullRequestFlags(number(id)?))
        }
        [repository @ .., "pull-request", id, "comment"] => (repository, RepositoryResource::Comments(number(id)?)),
        [repository @ .., "pull-request", id, "comment", comment] => {
            (repository, RepositoryResource::Comment(number(id)?, number(comment)?))
        }
        [repository @ .., "pull-request", id] => (repository, RepositoryResource::PullRequest(number(id)?)),
        [repository @ .., "git", "branches"] => (repository, RepositoryResource::Branches),
        [repository @ .., "git", "tags"] => (repository, RepositoryResource::Tags),
        repository => (repository, RepositoryResource::Project),
    };
    Some(ForgeRoute::Repository { name: full_name(repository)?, resource })
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
    use super::{ForgeRoute, RepositoryResource};

    #[test]
    fn api_route_accepts_all_four_repository_paths() {
        let check = |path: &str, expected: &str| {
            let expected =
                ForgeRoute::Repository { name: expected.to_owned(), resource: RepositoryResource::PullRequestFlags(7) };
            assert_eq!(ForgeRoute::parse(&format!("/api/0/{path}/pull-request/7/flag")), Some(expected), "{path}");
        };
        check("demo", "demo");
        check("ns/demo", "ns/demo");
        check("fork/me/demo", "forks/me/demo");
        check("fork/me/ns/demo", "forks/me/ns/demo");
    }

    #[test]
    fn plugin_route_accepts_all_four_repository_paths() {
        let check = |path: &str, expected: &str| {
            let expected =
                ForgeRoute::Repository { name: expected.to_owned(), resource: RepositoryResource::CiNotification };
            assert_eq!(ForgeRoute::parse(&format!("/api/0/ci/doorbell/{path}")), Some(expected), "{path}");
        };
        check("demo", "demo");
        check("ns/demo", "ns/demo");
        check("fork/me/demo", "forks/me/demo");
        check("fork/me/ns/demo", "forks/me/ns/demo");
        assert_eq!(ForgeRoute::parse("/api/0/ci/doorbell/"), None);
    }

    #[test]
    fn unknown_path_matches_no_route() {
        let check = |path| assert_eq!(ForgeRoute::parse(path), None, "{path}");
        check("/");
        check("/demo");
        check("/api/0/");
        check("/api/0//c/abc/flag");
        check("/api/0/demo/pull-request/x/flag");
        check("/api/0/a/b/c/d/git/tags");
    }

    #[test]
    fn git_route_of_fork_uses_clone_path() {
        let expected = Some(ForgeRoute::Git { name: "forks/me/demo".to_owned() });
        assert_eq!(ForgeRoute::parse("/forks/me/demo.git/info/refs"), expected);
    }
}
