use std::borrow::Cow;

use crate::build_environment::{ARGV, BuildEnvironment, EnvironmentError, JOB_ID, PROJECT, REF, parse_argv};
use crate::{GitRef, RefPattern, VariableName};

/// `1` in the own environment of a pinned build project; missing or empty: the worker sends what to build.
pub const PINNED: &str = "DOORBELL_PINNED";
/// The command, a JSON array of strings, without the ref that [`APPEND_REF`] adds.
pub const PROGRAM: &str = "DOORBELL_PROGRAM";
/// `1`: the short ref is the command's last argument; `0`: it is not.
pub const APPEND_REF: &str = "DOORBELL_APPEND_REF";
/// The refs that may be built, a JSON array of patterns.
pub const REFS: &str = "DOORBELL_REFS";
/// The variables that a request may set, a JSON array of names.
pub const VARIABLES: &str = "DOORBELL_VARIABLES";

/// What the owner fixed in the build project's own environment.
///
/// A worker may replace none of these variables: IAM lets it send the names of one job alone. So the runner believes them
/// and checks the rest against them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedEnvironment {
    program: Vec<String>,
    append_ref: bool,
    refs: Vec<RefPattern>,
    variables: Vec<VariableName>,
}

impl PinnedEnvironment {
    /// Reads the environment of a pinned build project; `None` in another one.
    ///
    /// # Errors
    /// The first variable that is missing or invalid. A value that only looks like "not pinned" is an error, too: the
    /// build would run what the worker sent.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, EnvironmentError> {
        match lookup(PINNED).as_deref() {
            None | Some("") => return Ok(None),
            Some("1") => {}
            Some(other) => return Err(EnvironmentError::new(PINNED, crate::text::invalid(other, "1"))),
        }
        let required = |name| lookup(name).ok_or_else(|| EnvironmentError::new(name, "it is not set"));
        Ok(Some(Self {
            program: parse_argv(PROGRAM, &required(PROGRAM)?)?,
            append_ref: parse_flag(APPEND_REF, &required(APPEND_REF)?)?,
            refs: parse_list(REFS, &required(REFS)?)?,
            variables: parse_list(VARIABLES, &required(VARIABLES)?)?,
        }))
    }

    /// Reads the build's environment with the pinned command in place of the one that a worker sent.
    ///
    /// # Errors
    /// The first variable that is missing or invalid, or that this build project does not allow.
    pub fn read_build(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<BuildEnvironment, EnvironmentError> {
        let git_ref = lookup(REF).and_then(|text| GitRef::parse_full(&text).ok());
        let argv = serde_json::Value::from(self.argv(git_ref.as_ref()).into_owned()).to_string();
        let build =
            BuildEnvironment::from_variables(|name| if name == ARGV { Some(argv.clone()) } else { lookup(name) })?;
        self.check_ref(&build.git_ref)?;
        check_project(&build)?;
        Ok(build)
    }

    /// Whether a request may set this variable.
    pub fn allows_variable(&self, name: &VariableName) -> bool {
        self.variables.contains(name)
    }

    fn argv(&self, git_ref: Option<&GitRef>) -> Cow<'_, [String]> {
        match git_ref.filter(|_| self.append_ref) {
            Some(git_ref) => self.program.iter().cloned().chain([git_ref.short()]).collect(),
            None => Cow::Borrowed(&self.program),
        }
    }

    fn check_ref(&self, git_ref: &GitRef) -> Result<(), EnvironmentError> {
        if self.refs.iter().any(|pattern| pattern.matches(git_ref)) {
            return Ok(());
        }
        Err(EnvironmentError::new(
            REF,
            format!("{git_ref} is not among the refs that this build project allows ({REFS})"),
        ))
    }
}

/// A job of another project must not run here, under this project's name and with its rights.
fn check_project(build: &BuildEnvironment) -> Result<(), EnvironmentError> {
    let key = build.job_id.split_once(':').map(|(_, key)| key);
    let project = key.and_then(|key| key.split_once('#')).map(|(project, _)| project);
    if project == Some(build.project.as_str()) {
        return Ok(());
    }
    Err(EnvironmentError::new(JOB_ID, format!("it is no job of the project {} ({PROJECT})", build.project)))
}

fn parse_flag(name: &'static str, text: &str) -> Result<bool, EnvironmentError> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        other => Err(EnvironmentError::new(name, crate::text::invalid(other, "0 or 1"))),
    }
}

fn parse_list<T: TryFrom<String, Error = String>>(name: &'static str, text: &str) -> Result<Vec<T>, EnvironmentError> {
    let list: Vec<String> = serde_json::from_str(text)
        .map_err(|error| EnvironmentError::new(name, format!("not a JSON array of strings: {error}")))?;
    list.into_iter().map(|item| T::try_from(item).map_err(|problem| EnvironmentError::new(name, problem))).collect()
}
