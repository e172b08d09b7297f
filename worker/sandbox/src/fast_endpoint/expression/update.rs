use serde_json::Value;

use super::super::api_error::ApiError;
use super::Item;
use super::value;

/// An update, with its names and values in place.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in super::super) struct UpdateExpression {
    pub(super) set: Vec<(String, Assigned)>,
    pub(super) remove: Vec<String>,
    pub(super) add: Vec<(String, Value)>,
    pub(super) delete: Vec<(String, Value)>,
}

/// The right side of an assignment.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Assigned {
    Value(Value),
    Attribute(String),
    IfNotExists(String, Box<Assigned>),
    /// The sum, or with -1 the difference.
    Sum(Box<Assigned>, Box<Assigned>, i64),
}

impl Assigned {
    fn resolve(&self, item: &Item) -> Result<Value, ApiError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Attribute(name) => item.get(name).cloned().ok_or_else(|| {
                ApiError::validation("The provided expression refers to an attribute that does not exist in the item")
            }),
            Self::IfNotExists(name, other) => {
                item.get(name).map_or_else(|| other.resolve(item), |value| Ok(value.clone()))
            }
            Self::Sum(left, right, sign) => value::add(&left.resolve(item)?, &right.resolve(item)?, *sign),
        }
    }
}

impl UpdateExpression {
    /// Changes the item. Every right side has the values from before the update.
    ///
    /// # Errors
    /// A value has another type than the expression needs; the item is unchanged then.
    pub(in super::super) fn apply(&self, item: &mut Item) -> Result<(), ApiError> {
        let mut changed = item.clone();
        for (name, assigned) in &self.set {
            changed.insert(name.clone(), assigned.resolve(item)?);
        }
        for name in &self.remove {
            changed.remove(name);
        }
        for (name, operand) in &self.add {
            let sum = match (item.get(name), operand.get("N")) {
                (None, Some(_)) => Some(operand.clone()),
                (Some(before), Some(_)) => Some(value::add(before, operand, 1)?),
                (before, None) => value::change_set(before, operand, true)?,
            };
            changed.extend(sum.map(|value| (name.clone(), value)));
        }
        for (name, operand) in &self.delete {
            let Some(before) = item.get(name) else { continue };
            match value::change_set(Some(before), operand, false)? {
                Some(rest) => drop(changed.insert(name.clone(), rest)),
                None => drop(changed.remove(name)),
            }
        }
        *item = changed;
        Ok(())
    }
}
