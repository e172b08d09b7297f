use serde::{Deserialize, Serialize};

/// A command: a text is one executable, which gets the short ref as its argument (iwomp-in-aws's meaning); a list is
/// the whole argv. Neither is ever given to a shell by us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "BuildCommandJson", into = "BuildCommandJson")]
pub enum BuildCommand {
    /// One executable.
    Executable(String),
    /// The whole argv; never empty.
    Argv(Vec<String>),
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "expected a text (one executable) or a list of texts (the whole argv)")]
enum BuildCommandJson {
    Text(#[cfg_attr(feature = "schema", schemars(length(min = 1)))] String),
    List(#[cfg_attr(feature = "schema", schemars(length(min = 1)))] Vec<String>),
}

impl TryFrom<BuildCommandJson> for BuildCommand {
    type Error = String;
    fn try_from(wire: BuildCommandJson) -> Result<Self, String> {
        let command = match wire {
            BuildCommandJson::Text(text) => Self::Executable(text),
            BuildCommandJson::List(list) => Self::Argv(list),
        };
        let parts = match &command {
            Self::Executable(text) => std::slice::from_ref(text),
            Self::Argv(list) => list.as_slice(),
        };
        if parts.first().is_none_or(String::is_empty) {
            return Err("the command is empty".to_owned());
        }
        if parts.iter().any(|part| part.contains('\0')) {
            return Err("the command holds a NUL character".to_owned());
        }
        Ok(command)
    }
}

impl From<BuildCommand> for BuildCommandJson {
    fn from(command: BuildCommand) -> Self {
        match command {
            BuildCommand::Executable(text) => Self::Text(text),
            BuildCommand::Argv(list) => Self::List(list),
        }
    }
}
