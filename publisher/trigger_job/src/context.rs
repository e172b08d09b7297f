use std::path::Path;

use doorbell_messages::{
    CommitId, GitRef, ProjectName, Request, RequestAction, RequestId, RequestOrigin, SingleLineText, Variables,
};

use crate::arguments::TriggerArguments;
use crate::ci::{FileReader, Fork, Vendor};
use crate::env_vars::EnvVars;
use crate::failure::{TriggerFailure, TriggerFailureKind};
use crate::git_checkout::{GitCheckout, GitCli};
use crate::id_token::find_id_token;
use crate::resolution::Resolution;
use crate::resolve::Resolver;
use doorbell_publisher::CredentialSource;
use doorbell_publisher::RoleArn;
use doorbell_publisher::TopicArn;

/// The values of a request, each with its source.
///
/// Sources are the command line, the environment, the CI's build, the git checkout and the config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// The CI that this runs in.
    pub vendor: Option<Vendor>,
    /// The entry of the owner's registry.
    pub project: Resolution<ProjectName>,
    /// The ref to build.
    pub git_ref: Resolution<GitRef>,
    /// The commit: the ref's head when the CI's build started.
    pub commit: Resolution<CommitId>,
    /// The request's id.
    pub id: Resolution<RequestId>,
    /// The CI's page for its build.
    pub build_url: Resolution<SingleLineText>,
    /// The topic to publish to.
    pub topic: Resolution<TopicArn>,
    /// The role to assume.
    pub role: Resolution<RoleArn>,
    /// Whether the CI's build is of a fork's pull request.
    pub fork: Fork,
    /// The reason, for people.
    pub cause: Option<SingleLineText>,
    /// The variables of the requested build.
    pub variables: Variables,
    /// Notes about the choice of sources, one line each.
    pub notes: Vec<String>,
    /// What is wrong with an argument or a file that is none of these values.
    pub problems: Vec<TriggerFailure>,
}

/// Environment variables, files and git checkout: the sources besides the command line.
///
/// They are parameters, so that a test passes its own.
pub struct HostEnvironment<'a> {
    /// Reads an environment variable.
    pub read_variable: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file.
    pub read_file: FileReader<'a>,
    /// The git checkout here.
    pub checkout: &'a dyn GitCheckout,
}

impl HostEnvironment<'static> {
    /// This process's environment and current directory.
    ///
    /// A variable that is not Unicode keeps replacement characters, so that its value is invalid and not missing.
    pub fn from_process() -> Self {
        Self {
            read_variable: &|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()),
            read_file: &|path: &Path| std::fs::read_to_string(path),
            checkout: &GitCli,
        }
    }
}

impl<'a> HostEnvironment<'a> {
    pub(crate) fn env_vars(&self) -> EnvVars<'a> {
        EnvVars(self.read_variable)
    }

    /// The CI that this runs in, with or without `--no-detect`.
    pub fn vendor(&self) -> Option<Vendor> {
        Vendor::detect(self.env_vars())
    }
}

impl std::fmt::Debug for HostEnvironment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostEnvironment").finish_non_exhaustive()
    }
}

/// The session of an assumed role, as CloudTrail shows it.
const SESSION_NAME: &str = "trigger_job";

impl RequestContext {
    /// Resolves each value.
    ///
    /// The command line wins over the environment, that over the CI's build, that over the git checkout, and that over
    /// the config file. A missing or an invalid value is no error yet.
    pub fn resolve(arguments: &TriggerArguments, host: &HostEnvironment<'_>) -> Self {
        let mut resolver = Resolver::new(arguments, host);
        let project = resolver.project();
        let resolved_ref = resolver.git_ref();
        let commit = resolver.commit(&resolved_ref);
        let id = resolver.id(commit.value());
        let topic = resolver.topic();
        let cause = resolver.cause();
        let mut problems: Vec<_> = arguments.stray_argument().into_iter().chain(resolver.problems.drain(..)).collect();
        let variables = arguments.request_variables().unwrap_or_else(|problem| {
            problems.push(problem);
            Variables::default()
        });
        Self {
            vendor: resolver.vendor(),
            project,
            id,
            commit,
            git_ref: resolved_ref.git_ref,
            build_url: resolver.build_url(),
            topic,
            role: resolver.role(),
            fork: resolver.fork(),
            cause,
            variables,
            notes: resolver.notes,
            problems,
        }
    }

    /// The topic, and the request that these arguments make in this context.
    ///
    /// # Errors
    /// [`TriggerFailureKind::MissingContext`] for a fork's pull request without `--allow-fork`, also if more is wrong,
    /// or with all that is missing; [`TriggerFailureKind::Usage`] with all that is invalid.
    pub fn request(&self, arguments: &TriggerArguments) -> Result<(TopicArn, Request), TriggerFailure> {
        self.reject_fork(arguments.allow_fork)?;
        self.reject_invalid_values()?;
        let (Some(project), Some(git_ref), Some(topic)) =
            (self.project.value(), self.git_ref.value(), self.topic.value())
        else {
            return Err(self.missing_context());
        };
        let request = Request {
            project: project.clone(),
            git_ref: git_ref.clone(),
            id: self.id.value().cloned(),
            action: if arguments.cancel { RequestAction::Cancel } else { RequestAction::Start },
            commit: self.commit.value().cloned(),
            cause: self.cause.clone(),
            origin: self.origin(),
            watch: None,
            once: false,
            allow_older: arguments.allow_older,
            commit_rule: None,
            variables: self.variables.clone(),
        };
        Ok((topic.clone(), request))
    }

    /// The credentials to publish with.
    ///
    /// # Errors
    /// [`TriggerFailureKind::Denied`]: a role is given, but no OIDC token.
    pub fn credential_source(&self, host: &HostEnvironment<'_>) -> Result<CredentialSource, TriggerFailure> {
        match self.role.value() {
            Some(role) => {
                Ok(CredentialSource::assume_role(role.clone(), SESSION_NAME, find_id_token(host.env_vars())?))
            }
            None => Ok(CredentialSource::default_chain()),
        }
    }

    /// Rejects a request with an invalid value. All of them are named, since each costs a run of the CI.
    fn reject_invalid_values(&self) -> Result<(), TriggerFailure> {
        let reasons = [
            self.project.invalid_reason(),
            self.git_ref.invalid_reason(),
            self.commit.invalid_reason(),
            self.id.invalid_reason(),
            self.topic.invalid_reason(),
            self.role.invalid_reason(),
        ];
        let invalid = reasons.into_iter().flatten().map(TriggerFailure::invalid);
        let failures: Vec<_> = self.problems.iter().cloned().chain(invalid).collect();
        match TriggerFailure::join(failures) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn missing_context(&self) -> TriggerFailure {
        let reasons = [self.project.missing_reason(), self.git_ref.missing_reason(), self.topic.missing_reason()];
        TriggerFailure::new(
            TriggerFailureKind::MissingContext,
            reasons.into_iter().flatten().collect::<Vec<_>>().join("; "),
            "trigger_job --show-context shows what is found and where, --help lists all sources",
        )
    }

    /// Rejects a fork's build, which prevents a mistake in the CI's file. The worker decides what a pull request may do.
    fn reject_fork(&self, allowed: bool) -> Result<(), TriggerFailure> {
        let what = match &self.fork {
            _ if allowed => return Ok(()),
            Fork::No | Fork::NoBuild(_) => return Ok(()),
            Fork::Yes(source) => format!("this build is of a pull request from a fork ({source})"),
            Fork::Unknown(why) => format!("this build may be of a pull request from a fork: {why}"),
        };
        Err(TriggerFailure::new(
            TriggerFailureKind::MissingContext,
            format!("{what}: the fork's author may have written this step, so nothing was published"),
            "run this step for your own branches only, or give --allow-fork: the registry's pullRequests decides",
        ))
    }

    fn origin(&self) -> Option<RequestOrigin> {
        let vendor = self.vendor?.name().parse::<SingleLineText>().ok()?;
        Some(RequestOrigin { vendor: Some(vendor), build_url: self.build_url.value().cloned() })
    }
}

#[cfg(test)]
mod tests;
