use crate::env_vars::EnvVars;

/// The CIs that are detected by their variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// GitHub Actions.
    Github,
    /// Gitea Actions, which also sets GitHub's variables.
    Gitea,
    /// Forgejo Actions, which also sets Gitea's and GitHub's variables.
    Forgejo,
    /// GitLab CI/CD.
    Gitlab,
    /// Travis CI.
    Travis,
    /// CircleCI.
    Circleci,
    /// Buildkite.
    Buildkite,
    /// Bitbucket Pipelines.
    Bitbucket,
    /// Woodpecker CI.
    Woodpecker,
    /// Drone CI.
    Drone,
    /// Jenkins, with or without its branch-source, ghprb or GitLab plugin.
    Jenkins,
    /// Azure Pipelines.
    Azure,
}

impl Vendor {
    /// The CI whose variables are set.
    ///
    /// CIs that also set another one's variables come first. Jenkins is last: each process of an agent inherits its
    /// variables.
    pub(crate) fn detect(environment: EnvVars<'_>) -> Option<Self> {
        let is = |name: &str, value: &str| environment.is(name, value);
        let set = |name: &str| environment.get(name).is_some();
        [
            (Self::Woodpecker, is("CI", "woodpecker")),
            (Self::Forgejo, is("FORGEJO_ACTIONS", "true")),
            (Self::Gitea, is("GITEA_ACTIONS", "true")),
            (Self::Github, is("GITHUB_ACTIONS", "true")),
            (Self::Gitlab, is("GITLAB_CI", "true")),
            (Self::Travis, is("TRAVIS", "true")),
            (Self::Circleci, is("CIRCLECI", "true")),
            (Self::Buildkite, is("BUILDKITE", "true")),
            (Self::Bitbucket, set("BITBUCKET_BUILD_NUMBER")),
            (Self::Drone, is("DRONE", "true")),
            (Self::Azure, is("TF_BUILD", "true")),
            (Self::Jenkins, set("JENKINS_URL")),
        ]
        .into_iter()
        .find_map(|(vendor, here)| here.then_some(vendor))
    }

    /// The name in requests, ids and JSON; stable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
            Self::Gitlab => "gitlab",
            Self::Travis => "travis",
            Self::Circleci => "circleci",
            Self::Buildkite => "buildkite",
            Self::Bitbucket => "bitbucket",
            Self::Woodpecker => "woodpecker",
            Self::Drone => "drone",
            Self::Jenkins => "jenkins",
            Self::Azure => "azure",
        }
    }

    /// Whether it supports GitHub's commands: `$GITHUB_OUTPUT`, job summary, `::commands::`.
    pub(crate) fn supports_github_commands(self) -> bool {
        matches!(self, Self::Github | Self::Gitea | Self::Forgejo)
    }
}
