use doorbell_messages::{CheckoutOptions, ParseError, is_reserved_variable, parse};
use serde_json::{Map, Value};

use crate::ProjectDocument;

/// An error in a registry entry.
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

/// A parsed registry entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedDocument {
    /// The document.
    pub document: ProjectDocument,
    /// Whether it holds credentials that only the build may see.
    pub inline_credentials: bool,
    /// Warnings for the owner.
    pub warnings: Vec<String>,
}

impl ProjectDocument {
    /// Merges the project's document over `_default`'s, key by key, and parses the result.
    ///
    /// Credentials are dropped before any value is kept.
    ///
    /// # Errors
    /// A string that is not a JSON object, a missing `gitUrl` or `command`, the old spelling of a renamed key, and every
    /// invalid value, by its key. Unknown keys are warnings: iwomp-in-aws's documents may have more.
    pub fn parse(default: Option<&str>, project: &str) -> Result<ParsedDocument, DocumentError> {
        let mut merged = match default {
            Some(text) => parse_object(text).map_err(DocumentError::Default)?,
            None => Map::new(),
        };
        merged.extend(parse_object(project).map_err(DocumentError::Project)?);
        let inline_credentials = INLINE_CREDENTIALS
            .iter()
            .filter_map(|key| merged.remove(*key))
            .filter(|value| value.as_str() != Some(""))
            .count()
            > 0;
        // In iwomp-in-aws an empty directory is the checkout's root.
        merged.retain(|key, value| !(key == "deployDir" && value.as_str() == Some("")));
        let mut warnings = warnings(&merged, inline_credentials);
        let document: Self =
            parse::value(Value::Object(merged)).map_err(|error| DocumentError::Project(redact_type_error(error)))?;
        warnings.extend(document.reserved_variables());
        Ok(ParsedDocument { document, inline_credentials, warnings })
    }

    /// A warning for each listed variable that no request may set.
    fn reserved_variables(&self) -> impl Iterator<Item = String> {
        let reserved = self.variables.iter().filter(|rule| is_reserved_variable(&rule.name));
        reserved.map(|rule| format!("variables lists {}, which is reserved: no request may set it", rule.name))
    }
}

/// Parses a document. `null` is a missing key, as in iwomp-in-aws.
fn parse_object(text: &str) -> Result<Map<String, Value>, ParseError> {
    let map: Map<String, Value> = parse::json(text).map_err(redact_syntax_error)?;
    let map: Map<String, Value> = map.into_iter().filter(|(_, value)| !value.is_null()).collect();
    reject_renamed_keys(&map)?;
    Ok(map)
}

/// Keys of earlier versions, with today's names.
const RENAMED_KEYS: [(&str, &str); 3] =
    [("commits", "commitPolicy"), ("cancelByRequest", "allowCancel"), ("report", "reportTo")];

/// Rejects the old spelling of a renamed key.
///
/// A warning would not do: a document whose `commits: tip` is ignored allows more than its owner wrote.
fn reject_renamed_keys(map: &Map<String, Value>) -> Result<(), ParseError> {
    match RENAMED_KEYS.iter().find(|(old, _)| map.contains_key(*old)) {
        Some((old, new)) => {
            Err(ParseError::at(format!("$.{old}"), format!("{old} is now {new}: rename the key in this document")))
        }
        None => Ok(()),
    }
}

/// Removes what a JSON error quotes: a document may hold credentials.
fn redact_syntax_error(error: ParseError) -> ParseError {
    let position =
        error.problem.rsplit_once(" at line ").map_or(String::new(), |(_, line)| format!(" (at line {line})"));
    ParseError::whole(format!("not a JSON object{position}"))
}

/// Removes the value that serde quotes: `"gitCredentials": "<the token itself>"` is a likely mistake.
fn redact_type_error(error: ParseError) -> ParseError {
    let parts = error.problem.split_once(": ").zip(error.problem.rsplit_once(", expected "));
    match parts {
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
    "commitPolicy",
    "pullRequests",
    "order",
    "allowOlder",
    "announce",
    "onUnknownStart",
    "buildProject",
    "pinned",
    "unprivilegedBuildProject",
    "timeoutMinutes",
    "maxJobsPerHour",
    "variables",
    "allowCancel",
    "checkout",
    "reportTo",
];
const REPORT_TO_KEYS: &[&str] = &["type", "url", "repo", "tokenSecret", "username"];
const GIT_CREDENTIALS_KEYS: &[&str] = &["secret"];

fn warnings(merged: &Map<String, Value>, inline_credentials: bool) -> Vec<String> {
    let inner = |key: &str| merged.get(key).and_then(Value::as_object).into_iter();
    let unknown = unknown_keys("", merged, KEYS)
        .chain(inner("checkout").flat_map(|map| unknown_keys("checkout.", map, CheckoutOptions::KEYS)))
        .chain(inner("reportTo").flat_map(|map| unknown_keys("reportTo.", map, REPORT_TO_KEYS)))
        .chain(inner("gitCredentials").flat_map(|map| unknown_keys("gitCredentials.", map, GIT_CREDENTIALS_KEYS)));
    let credentials = inline_credentials.then(|| {
        "the document holds a git credential (authToken, basicUsername or basicPassword): move it to Secrets Manager \
         and name the secret in gitCredentials"
            .to_owned()
    });
    let any_branch = (!merged.contains_key("refs") && !merged.contains_key("defaultBranch"))
        .then(|| "neither refs nor defaultBranch is set: any branch may be built".to_owned());
    unknown.chain(credentials).chain(any_branch).collect()
}

fn unknown_keys<'a>(
    prefix: &'a str,
    map: &'a Map<String, Value>,
    known: &'static [&'static str],
) -> impl Iterator<Item = String> + 'a {
    map.keys().filter(|key| !known.contains(&key.as_str())).map(move |key| {
        let shown = key.escape_default();
        match closest_key(key, known) {
            Some(known) => format!("the key \"{prefix}{shown}\" is unknown and ignored: is \"{prefix}{known}\" meant?"),
            None => format!("the key \"{prefix}{shown}\" is unknown and ignored"),
        }
    })
}

/// The known key that an unknown one most likely misspells: equal but for case and punctuation, or but for one
/// letter.
fn closest_key(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let normalize =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let normalized_key = normalize(key);
    known.iter().copied().find(|known| {
        let known = normalize(known);
        let start = known.bytes().zip(normalized_key.bytes()).take_while(|(a, b)| a == b).count();
        let end = known.bytes().rev().zip(normalized_key.bytes().rev()).take_while(|(a, b)| a == b).count();
        known == normalized_key || start + end + 1 >= known.len().max(normalized_key.len())
    })
}
