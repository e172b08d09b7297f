//! The pattern of a variable's value: its syntax is in docs/reference/project.md.

mod matcher;
mod parser;

use doorbell_messages::text::quote;
use serde::{Deserialize, Serialize};

use matcher::Program;

/// A pattern that covers a variable's whole value.
///
/// It has the regular expressions' syntax as far as no backtracking is needed: a match takes time proportional to the
/// value's length, whatever the pattern and the value are. Neither a set nor a dot matches a character that could
/// forge a line or steer a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String", extend("minLength" = 1, "maxLength" = ValuePattern::MAX_CHARS)))]
pub struct ValuePattern {
    text: String,
    program: Program,
}

impl ValuePattern {
    const MAX_CHARS: usize = 256;

    /// Whether the whole value matches.
    pub fn matches(&self, value: &str) -> bool {
        self.program.matches(value)
    }
}

impl TryFrom<String> for ValuePattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.chars().count() > Self::MAX_CHARS {
            return Err(format!(
                "invalid value {}: expected a pattern of 1 to {} characters",
                quote(&text),
                Self::MAX_CHARS
            ));
        }
        let compiled = parser::parse(&text).and_then(|node| Program::compile(&node));
        let program = compiled.map_err(|problem| format!("invalid value {}: {problem}", quote(&text)))?;
        Ok(Self { text, program })
    }
}

impl From<ValuePattern> for String {
    fn from(pattern: ValuePattern) -> String {
        pattern.text
    }
}

#[cfg(test)]
mod tests;
