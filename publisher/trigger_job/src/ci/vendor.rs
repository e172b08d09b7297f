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
    /// variables. `CI` of Woodpecker is set to `true` in many files, for other tools.
    pub(crate) fn detect(environment: EnvVars<'_>) -> Option<Self> {
        let is = |name: &str, value: &str| environment.is(name, value);
        let set = |name: &str| environment.get(name).is_some();
        [
            (Self::Woodpecker, is("CI", "woodpecker") || is("CI_SYSTEM_NAME", "woodpecker")),
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
            (Self::Jenkins, is_jenkins_build(environment)),
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

/// `JENKINS_URL` is set once an administrator has saved it in Jenkins' settings. Without it, a build has its job and its number,
/// which other programs may set too, and one variable more.
fn is_jenkins_build(environment: EnvVars<'_>) -> bool {
    let is_build = environment.all(["JOB_NAME", "BUILD_NUMBER"]).is_some();
    let is_tagged = environment.get("BUILD_TAG").is_some_and(|tag| tag.starts_with("jenkins-"));
    const OWN: [&str; 4] = ["JENKINS_HOME", "HUDSON_HOME", "JENKINS_SERVER_COOKIE", "HUDSON_SERVER_COOKIE"];
    environment.get("JENKINS_URL").is_some() || is_build && (is_tagged || environment.first(&OWN).is_some())
}
