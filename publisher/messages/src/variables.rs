use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::VariableName;

/// The variables that a request wants to set; which names it may set is the project's to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<VariableName, String>", into = "BTreeMap<VariableName, String>")]
pub struct Variables(BTreeMap<VariableName, String>);

impl Variables {
    const MAX_COUNT: usize = 50;
    const MAX_VALUE_BYTES: usize = 4096;

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&VariableName, &str)> {
        self.0.iter().map(|(name, value)| (name, value.as_str()))
    }
}

impl TryFrom<BTreeMap<VariableName, String>> for Variables {
    type Error = String;
    fn try_from(map: BTreeMap<VariableName, String>) -> Result<Self, String> {
        if map.len() > Self::MAX_COUNT {
            return Err(format!("{} variables are too many: at most {}", map.len(), Self::MAX_COUNT));
        }
        for (name, value) in &map {
            if value.len() > Self::MAX_VALUE_BYTES {
                return Err(format!("the value of {name} is too long: at most {} bytes", Self::MAX_VALUE_BYTES));
            }
            if value.contains('\0') {
                return Err(format!("the value of {name} holds a NUL character, which no environment can carry"));
            }
        }
        Ok(Self(map))
    }
}

impl From<Variables> for BTreeMap<VariableName, String> {
    fn from(variables: Variables) -> Self {
        variables.0
    }
}
