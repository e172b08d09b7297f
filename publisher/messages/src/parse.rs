//! Readers of JSON documents whose errors name the path, in one line of ASCII.

use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, Visitor};

use crate::text::escape_line;

/// Bytes of a problem that are kept: enough for serde's longest list of field names.
const MAX_PROBLEM_BYTES: usize = 400;

/// A parse error: the path in the document, and the expected value.
///
/// It is one line of ASCII for every document, so that it can be logged and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct ParseError {
    /// A JSON path, `$` for the whole document.
    pub path: String,
    /// What was found and what was expected, for the author of the document.
    pub problem: String,
}

impl ParseError {
    /// An error of the whole document.
    pub fn whole(problem: impl Into<String>) -> Self {
        Self::at("$", problem)
    }

    /// An error at a JSON path.
    pub fn at(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

/// Parses a JSON object from a string.
///
/// `serde_json` bounds the depth (128 levels); the caller bounds the size.
pub fn json<T: DeserializeOwned>(text: &str) -> Result<T, ParseError> {
    if text.starts_with('\u{feff}') {
        return Err(ParseError::whole("the document begins with a byte order mark, expected a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let Object(value) = serde_path_to_error::deserialize(&mut deserializer).map_err(located)?;
    deserializer.end().map_err(|error| ParseError::whole(error.to_string()))?;
    Ok(value)
}

/// As [`json`], from a parsed JSON value.
pub fn value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, ParseError> {
    let Object(value) = serde_path_to_error::deserialize(value).map_err(located)?;
    Ok(value)
}

/// For optional fields: rejects `null`.
///
/// `"commit": null` comes from a template without its variable. Dropping the field would widen the request.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// As [`present`], for a struct.
pub fn present_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Object::deserialize(deserializer).map(|Object(value)| Some(value))
}

/// For fields with an enum: rejects a value that is no string.
///
/// serde's own error would be "expected value" and no more.
pub fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(String::deserialize(deserializer)?.into_deserializer())
}

/// A struct that is parsed from a JSON object only: serde's derive accepts an array of the fields' values, too.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

fn located(error: serde_path_to_error::Error<serde_json::Error>) -> ParseError {
    let path = match error.path().to_string().as_str() {
        "." | "?" => "$".to_owned(),
        path => escape_line(&format!("$.{path}"), MAX_PROBLEM_BYTES),
    };
    let error = error.into_inner();
    let text = error.to_string();
    // For invalid JSON the line is useful, for an invalid value the path. Line 0 is a value that was never a string:
    // serde appended no position then, and what looks like one is part of the document.
    let position = if error.is_data() && error.line() > 0 { text.rsplit_once(" at line ") } else { None };
    let problem = position.map_or(&*text, |(problem, _)| problem);
    ParseError { path, problem: escape_line(&with_json_type_names(problem), MAX_PROBLEM_BYTES) }
}

/// Replaces the names of Rust's types in serde's message.
fn with_json_type_names(problem: &str) -> String {
    const WORDS: [(&str, &str); 3] = [
        ("expected a nonzero u32", "expected a whole number, 1 or more"),
        ("expected u32", "expected a whole number"),
        ("expected a sequence", "expected a list"),
    ];
    let found = WORDS.iter().find_map(|(rust, json)| problem.strip_suffix(rust).map(|start| format!("{start}{json}")));
    found.unwrap_or_else(|| problem.to_owned())
}
