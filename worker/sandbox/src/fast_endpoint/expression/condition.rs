use std::cmp::Ordering;

use serde_json::{Value, json};

use super::Item;
use super::value;

/// A condition, with its names and values in place.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Condition {
    Or(Box<Condition>, Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Operand, Comparator, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(String),
    NotExists(String),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
}

#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Operand {
    Attribute(String),
    Size(String),
    Value(Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparator {
    pub(super) fn parse(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "=" => Self::Equal,
            "<>" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    fn accepts(self, order: Option<Ordering>) -> bool {
        match (self, order) {
            (Self::NotEqual, order) => order != Some(Ordering::Equal),
            (Self::Equal, Some(order)) => order.is_eq(),
            (Self::Less, Some(order)) => order.is_lt(),
            (Self::LessOrEqual, Some(order)) => order.is_le(),
            (Self::Greater, Some(order)) => order.is_gt(),
            (Self::GreaterOrEqual, Some(order)) => order.is_ge(),
            (_, None) => false,
        }
    }
}

impl Operand {
    fn resolve(&self, item: &Item) -> Option<Value> {
        match self {
            Self::Attribute(name) => item.get(name).cloned(),
            Self::Size(name) => value::size(item.get(name)?).map(|size| json!({ "N": size.to_string() })),
            Self::Value(value) => Some(value.clone()),
        }
    }
}

impl Condition {
    /// Whether the item, or the absence of one (an empty item), fulfills the condition.
    pub(in super::super) fn holds(&self, item: &Item) -> bool {
        // An attribute that is missing fulfills no comparison.
        let pair = |left: &Operand, right: &Operand| Some((left.resolve(item)?, right.resolve(item)?));
        match self {
            Self::Or(left, right) => left.holds(item) || right.holds(item),
            Self::And(left, right) => left.holds(item) && right.holds(item),
            Self::Not(inner) => !inner.holds(item),
            Self::Exists(name) => item.contains_key(name),
            Self::NotExists(name) => !item.contains_key(name),
            Self::Compare(left, comparator, right) => {
                pair(left, right).is_some_and(|(left, right)| comparator.accepts(value::compare(&left, &right)))
            }
            Self::Between(operand, low, high) => {
                let at_least = Self::Compare(operand.clone(), Comparator::GreaterOrEqual, low.clone());
                at_least.holds(item)
                    && Self::Compare(operand.clone(), Comparator::LessOrEqual, high.clone()).holds(item)
            }
            Self::In(operand, list) => {
                list.iter().any(|other| Self::Compare(operand.clone(), Comparator::Equal, other.clone()).holds(item))
            }
            Self::BeginsWith(operand, prefix) => pair(operand, prefix).is_some_and(|(text, prefix)| {
                let string = |value: &Value| value.get("S").and_then(Value::as_str).map(str::to_owned);
                string(&text).zip(string(&prefix)).is_some_and(|(text, prefix)| text.starts_with(&prefix))
            }),
            Self::Contains(operand, part) => {
                pair(operand, part).is_some_and(|(whole, part)| value::contains(&whole, &part))
            }
        }
    }

    /// The value that an attribute must equal, where the condition is a conjunction with such a term.
    pub(in super::super) fn equal_to(&self, name: &str) -> Option<&Value> {
        match self {
            Self::And(left, right) => left.equal_to(name).or_else(|| right.equal_to(name)),
            Self::Compare(Operand::Attribute(attribute), Comparator::Equal, Operand::Value(value)) => {
                (attribute == name).then_some(value)
            }
            _ => None,
        }
    }

    /// The number that an attribute must not exceed, where the condition is a conjunction with such a term.
    pub(in super::super) fn at_most(&self, name: &str) -> Option<f64> {
        match self {
            Self::And(left, right) => left.at_most(name).or_else(|| right.at_most(name)),
            Self::Compare(
                Operand::Attribute(attribute),
                Comparator::Less | Comparator::LessOrEqual | Comparator::Equal,
                Operand::Value(bound),
            )
            | Self::Between(Operand::Attribute(attribute), _, Operand::Value(bound)) => {
                value::number(bound).filter(|_| attribute == name)
            }
            _ => None,
        }
    }
}
