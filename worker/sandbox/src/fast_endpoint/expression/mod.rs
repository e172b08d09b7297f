//! DynamoDB's condition, key condition and update expressions, over attributes of the top level.
mod condition;
mod lexer;
mod parser;
mod update;
mod value;

use std::collections::HashMap;

use serde_json::{Map, Value};

pub(super) use condition::Condition;
pub(super) use parser::ExpressionParser;
pub(super) use value::number;

/// An item, as the JSON protocol has it: `{"name": {"S": "text"}}`.
pub(super) type Item = Map<String, Value>;

/// What an expression refers to: `#names` and `:values`.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, Value>,
}

#[cfg(test)]
mod tests;
