use crate::env_vars::EnvVars;

/// The CIs that are known by their variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// GitHub Actions.
    Github,
    /// Gitea Actions, which also says that it is GitHub's.
    Gitea,
    /// Forgejo Actions, which also says that it is Gitea's and GitHub's.
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
    /// The one whose variables are set. Imitators come before those they imitate, and Jenkins last: its own variables
    /// are inherited by whatever an agent starts.
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

    /// Its name in requests, ids and JSON; stable.
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

    /// Whether a step speaks to it as to GitHub: `$GITHUB_OUTPUT`, job summary, `::commands::`.
    pub(crate) fn supports_github_commands(self) -> bool {
        matches!(self, Self::Github | Self::Gitea | Self::Forgejo)
    }
}
