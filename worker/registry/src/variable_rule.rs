use std::fmt;

use doorbell_messages::{VariableName, parse};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::ValuePattern;

/// A name, or an object with `name`, `pattern` and `maxLength`: which values a request may give the variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(into = "VariableRuleJson")]
#[cfg_attr(feature = "schema", schemars(with = "VariableRuleJson"))]
pub struct VariableRule {
    /// The variable.
    pub name: VariableName,
    /// What the whole value must match.
    pub pattern: Option<ValuePattern>,
    /// The longest value, in characters.
    pub max_length: Option<MaxLength>,
}

impl VariableRule {
    /// # Errors
    /// What is wrong with the value, for the person who asked. It quotes neither the value nor the pattern: the text
    /// may be shown where both would be read by strangers.
    pub fn check(&self, value: &str) -> Result<(), String> {
        if let Some(MaxLength(max)) = self.max_length
            && value.chars().count() > max as usize
        {
            return Err(format!("is longer than {max} characters"));
        }
        match &self.pattern {
            Some(pattern) if !pattern.matches(value) => {
                Err("does not match the pattern that the project sets".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Characters of a value: 1 to 4096.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "u32", into = "u32")]
#[cfg_attr(feature = "schema", schemars(extend("minimum" = 1, "maximum" = 4096)))]
pub struct MaxLength(u32);

impl TryFrom<u32> for MaxLength {
    type Error = String;
    fn try_from(characters: u32) -> Result<Self, String> {
        if (1..=4096).contains(&characters) {
            Ok(Self(characters))
        } else {
            Err(format!("invalid value {characters}: expected 1 to 4096 characters"))
        }
    }
}

impl From<MaxLength> for u32 {
    fn from(length: MaxLength) -> u32 {
        length.0
    }
}

/// An entry of `variables` in a document: a name, or an object.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
enum VariableRuleJson {
    Name(VariableName),
    Rule(VariableRuleObject),
}

/// The values that a request may give a variable.
///
/// A misspelt key is an error and not a warning: a rule without its `pattern` allows more than its owner wrote.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VariableRuleObject {
    /// The variable's name.
    name: VariableName,
    /// What the whole value must match.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present")]
    #[cfg_attr(feature = "schema", schemars(with = "ValuePattern"))]
    pattern: Option<ValuePattern>,
    /// The longest value, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present")]
    #[cfg_attr(feature = "schema", schemars(with = "MaxLength"))]
    max_length: Option<MaxLength>,
}

impl From<VariableRule> for VariableRuleJson {
    fn from(VariableRule { name, pattern, max_length }: VariableRule) -> Self {
        match (&pattern, max_length) {
            (None, None) => Self::Name(name),
            _ => Self::Rule(VariableRuleObject { name, pattern, max_length }),
        }
    }
}

impl<'de> Deserialize<'de> for VariableRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VariableRuleVisitor)
    }
}

struct VariableRuleVisitor;

impl<'de> Visitor<'de> for VariableRuleVisitor {
    type Value = VariableRule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a variable name, or an object with name, pattern and maxLength")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<VariableRule, E> {
        let name = name.parse().map_err(E::custom)?;
        Ok(VariableRule { name, pattern: None, max_length: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<VariableRule, A::Error> {
        let VariableRuleObject { name, pattern, max_length } =
            VariableRuleObject::deserialize(MapAccessDeserializer::new(map))?;
        Ok(VariableRule { name, pattern, max_length })
    }
}

/// The variables that requests of a project may set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Vec<VariableRule>", into = "Vec<VariableRule>")]
#[cfg_attr(feature = "schema", schemars(with = "Vec<VariableRule>"))]
pub struct AllowedVariables(Vec<VariableRule>);

impl AllowedVariables {
    /// The rule of a variable; `None`: no request may set it.
    pub fn rule(&self, name: &VariableName) -> Option<&VariableRule> {
        self.0.iter().find(|rule| rule.name == *name)
    }

    /// All rules, in the document's order.
    pub fn iter(&self) -> impl Iterator<Item = &VariableRule> {
        self.0.iter()
    }
}

impl TryFrom<Vec<VariableRule>> for AllowedVariables {
    type Error = String;

    /// Two different rules for one name are an error: the reader could not know which one holds.
    fn try_from(rules: Vec<VariableRule>) -> Result<Self, String> {
        let contradicts =
            |(at, rule): (usize, &VariableRule)| rules[..at].iter().any(|one| one.name == rule.name && one != rule);
        match rules.iter().enumerate().find(|entry| contradicts(*entry)) {
            Some((_, rule)) => Err(format!("the variable {} is listed twice, with different rules", rule.name)),
            None => Ok(Self(rules)),
        }
    }
}

impl From<AllowedVariables> for Vec<VariableRule> {
    fn from(variables: AllowedVariables) -> Self {
        variables.0
    }
}
