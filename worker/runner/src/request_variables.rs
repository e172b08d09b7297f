use std::ffi::OsString;
use std::process::Command;

use doorbell_messages::{REQUEST_VARIABLE_PREFIX, VariableName, parse_build_variable_name};

use crate::error::RunnerError;

/// The variables that the request sets for the command.
///
/// They travel under a prefix, so that they steer neither the runner nor git; only the command sees their own names.
#[derive(Debug)]
pub(crate) struct RequestVariables(Vec<(String, VariableName, OsString)>);

impl RequestVariables {
    /// # Errors
    /// The first variable whose name is invalid or reserved.
    pub(crate) fn read(environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, RunnerError> {
        let carried = environment.filter_map(|(name, value)| {
            let is_carrier = name.as_encoded_bytes().starts_with(REQUEST_VARIABLE_PREFIX.as_bytes());
            is_carrier.then(|| (name.to_string_lossy().into_owned(), value))
        });
        let read = carried.filter_map(|(carrier, value)| {
            let parsed = parse_build_variable_name(&carrier)?;
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
