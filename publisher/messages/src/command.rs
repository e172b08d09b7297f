use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::checked_text;
use crate::text::refused;

/// A command: a text is one executable, which gets the short ref as its argument (iwomp-in-aws's meaning); a list is
/// the whole argv. Neither is ever given to a shell by us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "CommandWire", into = "CommandWire")]
pub enum Command {
    /// One executable.
    Executable(String),
    /// The whole argv; never empty.
    Argv(Vec<String>),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text (one executable) or a list of texts (the whole argv)")]
enum CommandWire {
    Text(#[schemars(length(min = 1))] String),
    List(#[schemars(length(min = 1))] Vec<String>),
}

impl TryFrom<CommandWire> for Command {
    type Error = String;
    fn try_from(wire: CommandWire) -> Result<Self, String> {
        let command = match wire {
            CommandWire::Text(text) => Self::Executable(text),
            CommandWire::List(list) => Self::Argv(list),
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

impl From<Command> for CommandWire {
    fn from(command: Command) -> Self {
        match command {
            Command::Executable(text) => Self::Text(text),
            Command::Argv(list) => Self::List(list),
        }
    }
}

checked_text!(
    /// A folder inside the checkout.
    DeployDir, check_directory, "minLength" = 1, "maxLength" = 1024, "not" = serde_json::json!({ "pattern": r"(^/|(^|/)\.\.(/|$))" })
);

impl Default for DeployDir {
    fn default() -> Self {
        Self::here()
    }
}

impl DeployDir {
    /// The checkout's top.
    pub fn here() -> Self {
        Self(".".to_owned())
    }
}

fn check_directory(text: &str) -> Result<(), String> {
    let inside = !text.starts_with('/') && text.split('/').all(|part| part != "..");
    if text.is_empty() || !inside || text.contains('\0') || text.len() > 1024 {
        return Err(refused(text, "a folder inside the checkout is relative and has no \"..\""));
    }
    Ok(())
}
