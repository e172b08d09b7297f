use std::collections::BTreeMap;

use crate::{CheckoutOptions, CommitId, CommitRule, DeployDir, GitRef, GitUrl, ProjectName};

/// The job's id, unlike any other installation's: `<deployment>:<job key>`.
pub const JOB_ID: &str = "DOORBELL_JOB_ID";
/// The registry's name of the project.
pub const PROJECT: &str = "DOORBELL_PROJECT";
/// The full ref.
pub const REF: &str = "DOORBELL_REF";
/// The commit to build; missing or empty: the ref's tip.
pub const COMMIT: &str = "DOORBELL_COMMIT";
/// Commits, separated by commas, of which the built one must not be a strict ancestor; missing or empty: none.
pub const NOT_OLDER_THAN: &str = "DOORBELL_NOT_OLDER_THAN";
/// `ancestor` or `tip`.
pub const COMMIT_RULE: &str = "DOORBELL_COMMIT_RULE";
/// What the checkout fetches beyond the commit, a JSON object; missing or empty: nothing.
pub const CHECKOUT: &str = "DOORBELL_CHECKOUT";
/// The repository.
pub const GIT_URL: &str = "DOORBELL_GIT_URL";
/// The command, a JSON array of strings.
pub const ARGV: &str = "DOORBELL_ARGV";
/// The directory in the checkout that the command runs in.
pub const DIRECTORY: &str = "DOORBELL_DIRECTORY";
/// Seconds that the command may take.
pub const TIMEOUT_SECONDS: &str = "DOORBELL_TIMEOUT_SECONDS";
/// Type `SECRETS_MANAGER`: the value in the build is the secret: a token, or JSON `{"username","password"}` or
/// `{"token"}`.
pub const GIT_CREDENTIALS: &str = "DOORBELL_GIT_CREDENTIALS";
/// Type `PARAMETER_STORE`: iwomp's `_default` document, which may hold credentials.
pub const DEFAULT_DOCUMENT: &str = "DOORBELL_DEFAULT_DOCUMENT";
/// Type `PARAMETER_STORE`: the project's document, which may hold credentials.
pub const PROJECT_DOCUMENT: &str = "DOORBELL_PROJECT_DOCUMENT";

/// What a worker sends to a pinned build project, beside a request's variables: the variables that differ between jobs.
pub const JOB_VARIABLES: [&str; 4] = [JOB_ID, REF, COMMIT, NOT_OLDER_THAN];

/// The variables that the worker passes to the runner. All are PLAINTEXT, so none is a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildEnvironment {
    /// See [`JOB_ID`].
    pub job_id: String,
    /// See [`PROJECT`].
    pub project: ProjectName,
    /// See [`REF`].
    pub git_ref: GitRef,
    /// See [`COMMIT`].
    pub commit: Option<CommitId>,
    /// See [`NOT_OLDER_THAN`].
    pub not_older_than: Vec<CommitId>,
    /// See [`COMMIT_RULE`].
    pub commit_rule: CommitRule,
    /// See [`GIT_URL`].
    pub git_url: GitUrl,
    /// See [`CHECKOUT`].
    pub checkout: CheckoutOptions,
    /// See [`ARGV`]; never empty.
    pub argv: Vec<String>,
    /// See [`DIRECTORY`].
    pub directory: DeployDir,
    /// See [`TIMEOUT_SECONDS`].
    pub timeout_seconds: u32,
}

/// An invalid or missing variable, because of which the runner cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {name}: {problem}")]
pub struct EnvironmentError {
    /// The variable.
    pub name: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl EnvironmentError {
    pub(crate) fn new(name: &'static str, problem: impl Into<String>) -> Self {
        Self { name, problem: problem.into() }
    }
}

impl BuildEnvironment {
    /// The variables to set, by name.
    pub fn to_variables(&self) -> BTreeMap<&'static str, String> {
        let argv = serde_json::Value::from(self.argv.clone()).to_string();
        let commit = self.commit.as_ref().map(|commit| (COMMIT, commit.to_string()));
        // Not sent where nothing is asked for: a runner of an earlier version does not know it.
        let is_asked = self.checkout != CheckoutOptions::default();
        let checkout = is_asked.then(|| (CHECKOUT, self.checkout.to_string()));
        let not_older_than =
            (!self.not_older_than.is_empty()).then(|| (NOT_OLDER_THAN, Self::commit_list(&self.not_older_than)));
        [
            (JOB_ID, self.job_id.clone()),
            (PROJECT, self.project.to_string()),
            (REF, self.git_ref.full()),
            (COMMIT_RULE, self.commit_rule.as_str().to_owned()),
            (GIT_URL, self.git_url.to_string()),
            (ARGV, argv),
            (DIRECTORY, self.directory.as_str().to_owned()),
            (TIMEOUT_SECONDS, self.timeout_seconds.to_string()),
        ]
        .into_iter()
        .chain(commit)
        .chain(checkout)
        .chain(not_older_than)
        .collect()
    }

    /// The value of [`NOT_OLDER_THAN`].
    pub fn commit_list(commits: &[CommitId]) -> String {
        commits.iter().map(CommitId::as_str).collect::<Vec<_>>().join(",")
    }

    /// Parses the result of [`BuildEnvironment::to_variables`].
    ///
    /// # Errors
    /// The first variable that is missing or invalid.
    pub fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let required = |name: &'static str| {
            lookup(name).filter(|value| !value.is_empty()).ok_or_else(|| EnvironmentError {
                name,
                problem: "it is not set; this program is started by a Doorbell worker's build".to_owned(),
            })
        };
        fn parsed<T: std::str::FromStr<Err = String>>(name: &'static str, text: &str) -> Result<T, EnvironmentError> {
            text.parse().map_err(|problem| EnvironmentError { name, problem })
        }
        let optional = |name: &str| lookup(name).filter(|value| !value.is_empty());
        Ok(Self {
            job_id: required(JOB_ID)?,
            project: parsed(PROJECT, &required(PROJECT)?)?,
            git_ref: GitRef::parse_full(&required(REF)?).map_err(|problem| EnvironmentError { name: REF, problem })?,
            commit: optional(COMMIT).map(|text| parsed(COMMIT, &text)).transpose()?,
            not_older_than: commits(&optional(NOT_OLDER_THAN).unwrap_or_default())?,
            commit_rule: parsed(COMMIT_RULE, &required(COMMIT_RULE)?)?,
            git_url: parsed(GIT_URL, &required(GIT_URL)?)?,
            checkout: optional(CHECKOUT).map(|text| parsed(CHECKOUT, &text)).transpose()?.unwrap_or_default(),
            argv: parse_argv(ARGV, &required(ARGV)?)?,
            directory: parsed(DIRECTORY, &required(DIRECTORY)?)?,
            timeout_seconds: seconds(&required(TIMEOUT_SECONDS)?)?,
        })
    }
}

fn commits(text: &str) -> Result<Vec<CommitId>, EnvironmentError> {
    let ids = text.split(',').filter(|_| !text.is_empty());
    ids.map(|id| id.parse().map_err(|problem| EnvironmentError { name: NOT_OLDER_THAN, problem })).collect()
}

/// Parses a command, from the variable of this name.
pub(crate) fn parse_argv(name: &'static str, text: &str) -> Result<Vec<String>, EnvironmentError> {
    let problem = |problem: String| EnvironmentError { name, problem };
    let argv: Vec<String> =
        serde_json::from_str(text).map_err(|error| problem(format!("not a JSON array of strings: {error}")))?;
    if argv.first().is_none_or(String::is_empty) {
        return Err(problem("the command is empty".to_owned()));
    }
    if argv.iter().any(|part| part.contains('\0')) {
        return Err(problem("a part of the command holds a NUL character".to_owned()));
    }
    Ok(argv)
}

fn seconds(text: &str) -> Result<u32, EnvironmentError> {
    match text.parse::<u32>() {
        // The standard parser takes "+60" and "060" too, which the worker never writes.
        Ok(seconds) if seconds > 0 && seconds.to_string() == text => Ok(seconds),
        _ => Err(EnvironmentError { name: TIMEOUT_SECONDS, problem: crate::text::invalid(text, "seconds, 1 or more") }),
    }
}
