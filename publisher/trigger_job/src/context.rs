use std::path::Path;

use doorbell_messages::{CommitId, GitRef, ProjectName, Request, RequestId, RequestOrigin, SingleLineText};

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

/// What is meant: each value, found on the command line, in the environment, from the CI, in the git checkout or in the
/// config file, with the place it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// The CI that this runs in.
    pub vendor: Option<Vendor>,
    /// The entry of the owner's registry.
    pub project: Resolution<ProjectName>,
    /// What to build.
    pub git_ref: Resolution<GitRef>,
    /// Which commit of it: its head when the CI was started.
    pub commit: Resolution<CommitId>,
    /// The request's id.
    pub id: Resolution<RequestId>,
    /// The CI's page for its build.
    pub build_url: Resolution<SingleLineText>,
    /// Where to publish.
    pub topic: Resolution<TopicArn>,
    /// Whom to be while publishing.
    pub role: Resolution<RoleArn>,
    /// Whether the CI's build is of a fork's pull request.
    pub fork: Fork,
    /// What a person should know about these choices; one line each.
    pub notes: Vec<String>,
}

/// What a context is found in, besides the command line: passed in, so that a test can bring its own.
pub struct HostEnvironment<'a> {
    /// Reads an environment variable.
    pub read_variable: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file.
    pub read_file: FileReader<'a>,
    /// The git checkout here.
    pub checkout: &'a dyn GitCheckout,
}

impl HostEnvironment<'static> {
    /// This process's environment and current directory. A variable that is not Unicode keeps a mark in place of what
    /// can't be read, so that it is refused by the rule for its value instead of passed over.
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

    /// The CI that this runs in, whatever the command line says.
    pub fn vendor(&self) -> Option<Vendor> {
        Vendor::detect(self.env_vars())
    }
}

impl std::fmt::Debug for HostEnvironment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// The session of an assumed role, as CloudTrail shows it.
const SESSION_NAME: &str = "trigger_job";

impl RequestContext {
    /// Looks for everything: the command line wins over the environment, that over what the CI says, that over the git
    /// checkout, and that over the config file.
    ///
    /// # Errors
    /// [`TriggerFailureKind::Usage`] for a bad value, with its rule. What is missing is no error yet.
    pub fn resolve(arguments: &TriggerArguments, host: &HostEnvironment<'_>) -> Result<Self, TriggerFailure> {
        let mut resolver = Resolver::new(arguments, host)?;
        let project = resolver.project()?;
        let resolved_ref = resolver.git_ref()?;
        let commit = resolver.commit(&resolved_ref)?;
        Ok(Self {
            vendor: resolver.vendor(),
            project,
            id: resolver.id(commit.value())?,
            commit,
            git_ref: resolved_ref.git_ref,
            build_url: resolver.build_url(),
            topic: resolver.topic()?,
            role: resolver.role()?,
            fork: resolver.fork(),
            notes: resolver.notes,
        })
    }

    /// The topic, and the request that these arguments make in this context.
    ///
    /// # Errors
    /// [`TriggerFailureKind::MissingContext`] with all that is missing, or for a fork's pull request that nobody allowed;
    /// [`TriggerFailureKind::Usage`] for a bad value.
    pub fn request(&self, arguments: &TriggerArguments) -> Result<(TopicArn, Request), TriggerFailure> {
        self.reject_fork(arguments.allow_fork)?;
        let (Some(project), Some(git_ref), Some(topic)) =
            (self.project.value(), self.git_ref.value(), self.topic.value())
        else {
            return Err(self.missing_context());
        };
        let request = Request {
            id: self.id.value().cloned(),
            commit: self.commit.value().cloned(),
            origin: self.origin(),
            ..arguments.request(project.clone(), git_ref.clone())?
        };
        Ok((topic.clone(), request))
    }

    /// Whom to be while publishing.
    ///
    /// # Errors
    /// [`TriggerFailureKind::Denied`]: a role is given, and there is no token to assume it by.
    pub fn credential_source(&self, host: &HostEnvironment<'_>) -> Result<CredentialSource, TriggerFailure> {
        match self.role.value() {
            Some(role) => {
                Ok(CredentialSource::assume_role(role.clone(), SESSION_NAME, find_id_token(host.env_vars())?))
            }
            None => Ok(CredentialSource::default_chain()),
        }
    }

    fn missing_context(&self) -> TriggerFailure {
        fn missing_reason<T>(resolution: &Resolution<T>) -> Option<&str> {
            match resolution {
                Resolution::Missing { reason } => Some(reason),
                Resolution::Found { .. } => None,
            }
        }
        let reasons: Vec<&str> =
            [missing_reason(&self.project), missing_reason(&self.git_ref), missing_reason(&self.topic)]
                .into_iter()
                .flatten()
                .collect();
        TriggerFailure::new(
            TriggerFailureKind::MissingContext,
            reasons.join("; "),
            "trigger_job --show-context shows what is found and where, --help every place where it is looked for",
        )
    }

    /// A courtesy to whoever wrote the CI's file: what a stranger's pull request may do is decided by the worker.
    fn reject_fork(&self, allowed: bool) -> Result<(), TriggerFailure> {
        let what = match &self.fork {
            _ if allowed => return Ok(()),
            Fork::No => return Ok(()),
            Fork::Yes(place) => format!("this build is of a pull request from a fork ({place})"),
            Fork::Unknown(why) => format!("this build may be of a pull request from a fork: {why}"),
        };
        Err(TriggerFailure::new(
            TriggerFailureKind::MissingContext,
            format!("{what}: a stranger may have written what asks here, so nothing was published"),
            "run this step for your own branches only, or give --allow-fork: the registry's pullRequests has the last word",
        ))
    }

    fn origin(&self) -> Option<RequestOrigin> {
        let vendor = self.vendor?.name().parse::<SingleLineText>().ok()?;
        Some(RequestOrigin { vendor: Some(vendor), build_url: self.build_url.value().cloned() })
    }
}

#[cfg(test)]
mod tests;
