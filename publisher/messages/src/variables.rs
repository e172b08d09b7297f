use std::collections::BTreeMap;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::VariableName;

/// The variables that a request wants to set; which names it may set is the project's to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(into = "BTreeMap<VariableName, String>")]
#[cfg_attr(feature = "schema", schemars(with = "BTreeMap<VariableName, String>", extend("maxProperties" = Variables::MAX_COUNT)))]
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

impl<'de> Deserialize<'de> for Variables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(VariablesVisitor)
    }
}

/// Refuses a name that comes twice: serde's maps keep the last value, other readers the first, and what one side
/// checked would not be what the other one runs.
struct VariablesVisitor;

impl<'de> Visitor<'de> for VariablesVisitor {
    type Value = Variables;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(name) = access.next_key::<VariableName>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format!("duplicate field `{name}`")));
            }
            map.insert(name, access.next_value::<String>()?);
        }
        Variables::try_from(map).map_err(A::Error::custom)
    }
}
