//! Readers of JSON documents whose errors name the path, in one line of ASCII.

use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, Visitor};

use crate::text::one_line;

/// Why a text was refused: where in the document, and what was expected there. One line of ASCII, whatever the text
/// held, so that it can be logged and told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct ParseError {
    /// A JSON path, `$` for the whole document.
    pub path: String,
    /// What was found and what was expected, in words for the person who wrote the document.
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

/// Parses the text of a JSON object. The depth is bounded by `serde_json` (128 levels); the size is the caller's to
/// bound.
pub fn json<T: DeserializeOwned>(text: &str) -> Result<T, ParseError> {
    if text.starts_with('\u{feff}') {
        return Err(ParseError::whole("the text begins with a byte order mark, expected a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let Object(value) = serde_path_to_error::deserialize(&mut deserializer).map_err(located)?;
    deserializer.end().map_err(|error| ParseError::whole(error.to_string()))?;
    Ok(value)
}

/// As [`json`], for a value that is parsed already.
pub fn value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, ParseError> {
    let Object(value) = serde_path_to_error::deserialize(value).map_err(located)?;
    Ok(value)
}

/// For fields: an optional one that is there has a value. `null` would be a field that its publisher meant to fill
/// (`"commit": null` from a template without its variable), and to drop it would widen what is asked for.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// As [`present`], for a struct.
pub fn present_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Object::deserialize(deserializer).map(|Object(value)| Some(value))
}

/// For fields: one of an enum's words. For anything but a text serde would say "expected value" and no more.
pub fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(String::deserialize(deserializer)?.into_deserializer())
}

/// A struct that is read from a JSON object only: serde's derive would take an array of the fields' values as well.
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
        path => one_line(&format!("$.{path}")),
    };
    let error = error.into_inner();
    let text = error.to_string();
    // Where the text is no JSON, the line is all that helps; where a value is wrong, the path says it better. Line 0
    // is a value that was never text: then nothing was appended, and what looks like it is a stranger's.
    let position = if error.is_data() && error.line() > 0 { text.rsplit_once(" at line ") } else { None };
    let problem = position.map_or(&*text, |(problem, _)| problem);
    ParseError { path, problem: one_line(&with_json_type_names(problem)) }
}

/// What serde expects is named by Rust's types.
fn with_json_type_names(problem: &str) -> String {
    const WORDS: [(&str, &str); 3] = [
        ("expected a nonzero u32", "expected a whole number, 1 or more"),
        ("expected u32", "expected a whole number"),
        ("expected a sequence", "expected a list"),
    ];
    let found = WORDS.iter().find_map(|(rust, json)| problem.strip_suffix(rust).map(|start| format!("{start}{json}")));
    found.unwrap_or_else(|| problem.to_owned())
}
