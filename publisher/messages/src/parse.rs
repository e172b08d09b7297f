use serde::de::DeserializeOwned;

/// Why a text was refused: where in the document, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct ParseError {
    /// A JSON path, `$` for the whole document.
    pub path: String,
    /// What was found and what was expected, in words for the person who wrote the document.
    pub problem: String,
}

impl ParseError {
    pub(crate) fn whole(problem: impl Into<String>) -> Self {
        Self::at("$", problem)
    }

    pub(crate) fn at(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

/// Parses JSON text. The depth is bounded by `serde_json` (128 levels); the size is the caller's to bound.
pub(crate) fn json<T: DeserializeOwned>(text: &str) -> Result<T, ParseError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(located)?;
    reader.end().map_err(|error| ParseError::whole(error.to_string()))?;
    Ok(value)
}

/// As [`json`], for a value that is parsed already.
pub(crate) fn value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, ParseError> {
    serde_path_to_error::deserialize(value).map_err(located)
}

fn located(error: serde_path_to_error::Error<serde_json::Error>) -> ParseError {
    let path = match error.path().to_string().as_str() {
        "." | "?" => "$".to_owned(),
        path => format!("$.{path}"),
    };
    ParseError { path, problem: error.into_inner().to_string() }
}
