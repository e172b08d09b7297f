use std::ffi::OsString;
use std::process::Command;

use doorbell_messages::{
    PinnedEnvironment, REQUEST_VARIABLE_PREFIX, VARIABLES, VariableName, parse_build_variable_name,
};

use crate::error::RunnerError;

/// The variables that the request sets for the command.
///
/// They travel under a prefix, so that they steer neither the runner nor git; only the command sees their own names.
#[derive(Debug)]
pub(crate) struct RequestVariables(Vec<(String, VariableName, OsString)>);

impl RequestVariables {
    /// # Errors
    /// The first variable whose name is invalid or reserved, or that a pinned build project does not list.
    pub(crate) fn read(
        environment: impl Iterator<Item = (OsString, OsString)>,
        pinned: Option<&PinnedEnvironment>,
    ) -> Result<Self, RunnerError> {
        let carried = environment.filter_map(|(name, value)| {
            let is_carrier = name.as_encoded_bytes().starts_with(REQUEST_VARIABLE_PREFIX.as_bytes());
            is_carrier.then(|| (name.to_string_lossy().into_owned(), value))
        });
        let read = carried.filter_map(|(carrier, value)| {
            let parsed = parse_build_variable_name(&carrier)?.and_then(|name| check_pinned(name, pinned));
            Some(match parsed {
                Ok(name) => Ok((carrier, name, value)),
                Err(problem) => {
                    Err(RunnerError::environment(format!("environment variable {}: {problem}", carrier.escape_debug())))
                }
            })
        });
        read.collect::<Result<_, _>>().map(Self)
    }

    /// Gives the command each variable by its own name alone.
    pub(crate) fn set_for(&self, command: &mut Command) {
        for (carrier, name, value) in &self.0 {
            command.env_remove(carrier).env(name.as_str(), value);
        }
    }
}

fn check_pinned(name: VariableName, pinned: Option<&PinnedEnvironment>) -> Result<VariableName, String> {
    match pinned {
        Some(pinned) if !pinned.allows_variable(&name) => {
            Err(format!("this build project does not let requests set {name} ({VARIABLES})"))
        }
        _ => Ok(name),
    }
}
