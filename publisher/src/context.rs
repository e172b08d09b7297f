use std::path::Path;

use doorbell_messages::{Cause, CommitId, GitRef, Origin, ProjectName, Request, RequestId};

use crate::TopicArn;
use crate::arguments::Arguments;
use crate::ci::{Fork, ReadFile, Vendor};
use crate::environment::Environment;
use crate::failure::{Failure, FailureKind};
use crate::found::Sought;
use crate::git_checkout::{Checkout, GitCli};
use crate::id_token::IdToken;
use crate::identity::Identity;
use crate::role::RoleArn;
use crate::search::Search;

/// What is meant: each value, found on the command line, in the environment, from the CI, in the git checkout or in the
/// config file, with the place it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The CI that this runs in.
    pub vendor: Option<Vendor>,
    /// The entry of the owner's registry.
    pub project: Sought<ProjectName>,
    /// What to build.
    pub git_ref: Sought<GitRef>,
    /// Which commit of it: its head when the CI was started.
    pub commit: Sought<CommitId>,
    /// The request's id.
    pub id: Sought<RequestId>,
    /// The CI's page for its build.
    pub build_url: Sought<Cause>,
    /// Where to publish.
    pub topic: Sought<TopicArn>,
    /// Whom to be while publishing.
    pub role: Sought<RoleArn>,
    /// Whether the CI's build is of a fork's pull request.
    pub fork: Fork,
    /// What a person should know about these choices; one line each.
    pub notes: Vec<String>,
}

/// What a context is found in, besides the command line: passed in, so that a test can bring its own.
pub struct Surroundings<'a> {
    /// Reads an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file.
    pub file: ReadFile<'a>,
    /// The git checkout here.
    pub checkout: &'a dyn Checkout,
}

impl Surroundings<'static> {
    /// This process's environment and current directory. A variable that is not Unicode keeps a mark in place of what
    /// can't be read, so that it is refused by the rule for its value instead of passed over.
    pub fn of_this_process() -> Self {
        Self {
            variable: &|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()),
            file: &|path: &Path| std::fs::read_to_string(path),
            checkout: &GitCli,
        }
    }
}

impl<'a> Surroundings<'a> {
    pub(crate) fn environment(&self) -> Environment<'a> {
        Environment(self.variable)
    }

    /// The CI that this runs in, whatever the command line says.
    pub fn vendor(&self) -> Option<Vendor> {
        Vendor::detect(self.environment())
    }
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

impl Context {
    /// Looks for everything: the command line wins over the environment, that over what the CI says, that over the git
    /// checkout, and that over the config file.
    ///
    /// # Errors
    /// [`FailureKind::Usage`] for a bad value, with its rule. What is missing is no error yet.
    pub fn find(arguments: &Arguments, surroundings: &Surroundings<'_>) -> Result<Self, Failure> {
        let mut search = Search::new(arguments, surroundings)?;
        let project = search.project()?;
        let sought_ref = search.git_ref()?;
        let commit = search.commit(&sought_ref)?;
        Ok(Self {
            vendor: search.vendor(),
            project,
            id: search.id(commit.value())?,
            commit,
            git_ref: sought_ref.git_ref,
            build_url: search.build_url(),
            topic: search.topic()?,
            role: search.role()?,
            fork: search.fork(),
            notes: search.notes,
        })
    }

    /// The topic, and the request that these arguments make in this context.
    ///
    /// # Errors
    /// [`FailureKind::MissingContext`] with all that is missing, or for a fork's pull request that nobody allowed;
    /// [`FailureKind::Usage`] for a bad value.
    pub fn request(&self, arguments: &Arguments) -> Result<(TopicArn, Request), Failure> {
        self.refuse_fork(arguments.allow_fork)?;
        let (Some(project), Some(git_ref), Some(topic)) =
            (self.project.value(), self.git_ref.value(), self.topic.value())
        else {
            return Err(self.missing());
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
    /// [`FailureKind::Denied`]: a role is given, and there is no token to assume it by.
    pub fn identity(&self, surroundings: &Surroundings<'_>) -> Result<Identity, Failure> {
        match self.role.value() {
            Some(role) => Ok(Identity::role(role.clone(), IdToken::find(surroundings.environment())?)),
            None => Ok(Identity::of_surroundings()),
        }
    }

    fn missing(&self) -> Failure {
        fn why<T>(sought: &Sought<T>) -> Option<&str> {
            match sought {
                Sought::Missing { why } => Some(why),
                Sought::Found { .. } => None,
            }
        }
        let all: Vec<&str> = [why(&self.project), why(&self.git_ref), why(&self.topic)].into_iter().flatten().collect();
        Failure::new(
            FailureKind::MissingContext,
            all.join("; "),
            "trigger_job --show-context shows what is found and where, --help every place where it is looked for",
        )
    }

    /// A courtesy to whoever wrote the CI's file: what a stranger's pull request may do is decided by the worker.
    fn refuse_fork(&self, allowed: bool) -> Result<(), Failure> {
        let what = match &self.fork {
            _ if allowed => return Ok(()),
            Fork::No => return Ok(()),
            Fork::Yes(place) => format!("this build is of a pull request from a fork ({place})"),
            Fork::Unknown(why) => format!("this build may be of a pull request from a fork: {why}"),
        };
        Err(Failure::new(
            FailureKind::MissingContext,
            format!("{what}: a stranger may have written what asks here, so nothing was published"),
            "run this step for your own branches only, or give --allow-fork: the registry's pullRequests has the last word",
        ))
    }

    fn origin(&self) -> Option<Origin> {
        let vendor = self.vendor?.name().parse::<Cause>().ok()?;
        Some(Origin { vendor: Some(vendor), build_url: self.build_url.value().cloned() })
    }
}

#[cfg(test)]
mod tests;
