use serde_json::{Map, Value};

use crate::{ParseError, ProjectDocument, parse};

/// Why a registry entry can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The document of every project.
    #[error("the registry's _default document is wrong: {0}")]
    Default(ParseError),
    /// The project's own, or both together.
    #[error("the project's registry document is wrong: {0}")]
    Project(ParseError),
}

/// The keys of iwomp-in-aws that hold a credential in the document itself.
pub(crate) const INLINE_CREDENTIALS: [&str; 3] = ["authToken", "basicUsername", "basicPassword"];

/// A registry entry, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadDocument {
    /// What it says.
    pub document: ProjectDocument,
    /// Whether it holds credentials that only the build may see.
    pub inline_credentials: bool,
    /// What its owner should know.
    pub warnings: Vec<String>,
}

impl ProjectDocument {
    /// Lays the project's document over `_default`'s, key by key, and reads the result. Credentials are dropped
    /// before anything is read into a value that lives on.
    ///
    /// # Errors
    /// Text that is not a JSON object, a missing `gitUrl` or `command`, and every wrong value, by its name. Unknown
    /// keys are warnings: iwomp-in-aws's documents may carry more.
    pub fn read(default: Option<&str>, project: &str) -> Result<ReadDocument, DocumentError> {
        let mut merged = match default {
            Some(text) => object(text).map_err(DocumentError::Default)?,
            None => Map::new(),
        };
        merged.extend(object(project).map_err(DocumentError::Project)?);
        let inline_credentials = INLINE_CREDENTIALS
            .iter()
            .filter_map(|key| merged.remove(*key))
            .filter(|value| value.as_str() != Some(""))
            .count()
            > 0;
        // To iwomp-in-aws an empty folder is the checkout's top.
        merged.retain(|key, value| !(key == "deployDir" && value.as_str() == Some("")));
        let warnings = warnings(&merged, inline_credentials);
        let document =
            parse::value(Value::Object(merged)).map_err(|error| DocumentError::Project(without_the_value(error)))?;
        Ok(ReadDocument { document, inline_credentials, warnings })
    }
}

/// `null` means "not said", as it does to iwomp-in-aws.
fn object(text: &str) -> Result<Map<String, Value>, ParseError> {
    let map: Map<String, Value> = parse::json(text).map_err(without_quoting)?;
    Ok(map.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

/// A document may hold credentials, and a JSON error may quote what it stumbled on.
fn without_quoting(error: ParseError) -> ParseError {
    let place =
        error.problem.rsplit_once(" at line ").map_or(String::new(), |(_, place)| format!(" (at line {place})"));
    ParseError::whole(format!("not a JSON object{place}"))
}

/// `"gitCredentials": "<the token itself>"` is a likely mistake, and serde would quote what it found.
fn without_the_value(error: ParseError) -> ParseError {
    let told = error.problem.split_once(": ").zip(error.problem.rsplit_once(", expected "));
    match told {
        Some(((kind @ ("invalid type" | "invalid value"), found), (_, expected))) => {
            let found = found.split(['"', '`', ',']).next().unwrap_or_default().trim_end();
            ParseError { problem: format!("{kind}: {found}, expected {expected}"), ..error }
        }
        _ => error,
    }
}

const KEYS: &[&str] = &[
    "gitUrl",
    "command",
    "deployDir",
    "gitCredentials",
    "refs",
    "defaultBranch",
    "commits",
    "pullRequests",
    "onUnknownStart",
    "buildProject",
    "unprivilegedBuildProject",
    "timeoutMinutes",
    "variables",
    "cancelByRequest",
    "report",
];
const REPORT_KEYS: &[&str] = &["type", "url", "repo", "tokenSecret", "username"];
const GIT_CREDENTIALS_KEYS: &[&str] = &["secret"];

fn warnings(merged: &Map<String, Value>, inline_credentials: bool) -> Vec<String> {
    let inner = |key: &str| merged.get(key).and_then(Value::as_object).into_iter();
    let unknown = unknown_keys("", merged, KEYS)
        .chain(inner("report").flat_map(|map| unknown_keys("report.", map, REPORT_KEYS)))
        .chain(inner("gitCredentials").flat_map(|map| unknown_keys("gitCredentials.", map, GIT_CREDENTIALS_KEYS)));
    let credentials = inline_credentials.then(|| {
        "the document holds a git credential (authToken, basicUsername or basicPassword): move it to Secrets Manager \
         and name the secret in gitCredentials"
            .to_owned()
    });
    let open = (!merged.contains_key("refs") && !merged.contains_key("defaultBranch"))
        .then(|| "neither refs nor defaultBranch is set: any branch may be built".to_owned());
    unknown.chain(credentials).chain(open).collect()
}

fn unknown_keys<'a>(
    place: &'a str,
    map: &'a Map<String, Value>,
    known: &'static [&'static str],
) -> impl Iterator<Item = String> + 'a {
    map.keys().filter(|key| !known.contains(&key.as_str())).map(move |key| {
        let shown = key.escape_default();
        match closest(key, known) {
            Some(known) => format!("the key \"{place}{shown}\" is unknown and ignored: is \"{place}{known}\" meant?"),
            None => format!("the key \"{place}{shown}\" is unknown and ignored"),
        }
    })
}

/// The known key that an unknown one most likely misspells: equal but for case and punctuation, or but for one
/// letter.
fn closest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let wanted = plain(key);
    known.iter().copied().find(|known| {
        let known = plain(known);
        let start = known.bytes().zip(wanted.bytes()).take_while(|(a, b)| a == b).count();
        let end = known.bytes().rev().zip(wanted.bytes().rev()).take_while(|(a, b)| a == b).count();
        known == wanted || start + end + 1 >= known.len().max(wanted.len())
    })
}
