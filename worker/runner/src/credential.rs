use doorbell_messages::{DEFAULT_DOCUMENT, GIT_CREDENTIALS, PROJECT_DOCUMENT};
use serde_json::{Map, Value};

use crate::authorization::Authorization;
use crate::error::RunnerError;

/// The variables that hold secrets: no child of the runner gets them.
pub(crate) const SECRET_VARIABLES: [&str; 3] = [GIT_CREDENTIALS, DEFAULT_DOCUMENT, PROJECT_DOCUMENT];

/// GitLab wants exactly this user name for an OAuth token; GitLab's other tokens, GitHub's and Gitea's are taken with
/// any name. Forges that want another are served by `{"username", "password"}`.
const TOKEN_USERNAME: &str = "oauth2";

/// Both documents, once they are laid over each other.
const DOCUMENTS: &str = "DOORBELL_PROJECT_DOCUMENT (over DOORBELL_DEFAULT_DOCUMENT)";

/// Finds the credential: the secret that the registry names, else what iwomp-in-aws's documents hold.
///
/// # Errors
/// A secret or a document that can't be read. The text of neither is quoted.
pub(crate) fn find_credential(
    lookup: impl Fn(&str) -> Result<Option<String>, RunnerError>,
) -> Result<Option<Authorization>, RunnerError> {
    if let Some(secret) = lookup(GIT_CREDENTIALS)?.filter(|text| !text.trim().is_empty()) {
        return from_secret(secret.trim()).map(Some);
    }
    let mut document = match lookup(DEFAULT_DOCUMENT)? {
        Some(text) => object(DEFAULT_DOCUMENT, &text)?,
        None => Map::new(),
    };
    if let Some(text) = lookup(PROJECT_DOCUMENT)? {
        document.extend(object(PROJECT_DOCUMENT, &text)?);
    }
    from_document(&document)
}

fn from_secret(secret: &str) -> Result<Authorization, RunnerError> {
    // No forge's token begins with a brace.
    if !secret.starts_with('{') {
        return Authorization::basic(GIT_CREDENTIALS, TOKEN_USERNAME, secret);
    }
    let object = object(GIT_CREDENTIALS, secret)?;
    let field = |name| text(GIT_CREDENTIALS, &object, name);
    match (field("token")?, field("username")?, field("password")?) {
        (Some(token), None, None) => Authorization::basic(GIT_CREDENTIALS, TOKEN_USERNAME, token),
        (None, Some(username), Some(password)) => Authorization::basic(GIT_CREDENTIALS, username, password),
        _ => Err(reason(
            GIT_CREDENTIALS,
            "the secret is a token, or JSON with either \"token\" or \"username\" and \"password\"",
        )),
    }
}

/// As iwomp-in-aws did: a token goes before a password, and is sent as a bearer token.
fn from_document(document: &Map<String, Value>) -> Result<Option<Authorization>, RunnerError> {
    let field = |name| text(DOCUMENTS, document, name);
    match (field("authToken")?, field("basicPassword")?) {
        (Some(token), _) => Authorization::bearer(DOCUMENTS, token).map(Some),
        (None, Some(password)) => {
            let username = field("basicUsername")?.unwrap_or_default();
            Authorization::basic(DOCUMENTS, username, password).map(Some)
        }
        (None, None) => Ok(None),
    }
}

/// `null` means "not set", as in iwomp-in-aws. A JSON error may quote the secret, so only its position is shown.
fn object(variable: &str, document: &str) -> Result<Map<String, Value>, RunnerError> {
    let map: Map<String, Value> = serde_json::from_str(document).map_err(|error| {
        reason(variable, &format!("it is not a JSON object (line {}, column {})", error.line(), error.column()))
    })?;
    Ok(map.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

fn text<'a>(variable: &str, object: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, RunnerError> {
    match object.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(reason(variable, &format!("its \"{key}\" is not a text"))),
    }
}

fn reason(variable: &str, problem: &str) -> RunnerError {
    RunnerError::environment(format!("environment variable {variable}: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(variables: &[(&str, &str)]) -> Result<Option<String>, RunnerError> {
        let lookup =
            |name: &str| Ok(variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()));
        find_credential(lookup).map(|found| found.map(|authorization| authorization.header().to_owned()))
    }

    #[test]
    fn credential_sources_apply_in_documented_precedence() {
        let check = |variables: &[(&str, &str)], expected: Option<&str>| {
            assert_eq!(header(variables).unwrap().as_deref(), expected, "{variables:?}");
        };
        let (secret, default, project) = (GIT_CREDENTIALS, DEFAULT_DOCUMENT, PROJECT_DOCUMENT);
        // base64 of oauth2:a-t0k3n-, me:pa55word, :pa55word
        check(&[], None);
        check(&[(secret, " a-t0k3n-\n")], Some("Authorization: Basic b2F1dGgyOmEtdDBrM24t"));
        check(&[(secret, r#"{"token":"a-t0k3n-"}"#)], Some("Authorization: Basic b2F1dGgyOmEtdDBrM24t"));
        check(
            &[(secret, r#"{"username":"me","password":"pa55word","host":1}"#)],
            Some("Authorization: Basic bWU6cGE1NXdvcmQ="),
        );
        check(
            &[(secret, "a-t0k3n-"), (project, r#"{"authToken":"bearer-1"}"#)],
            Some("Authorization: Basic b2F1dGgyOmEtdDBrM24t"),
        );
        check(&[(secret, ""), (project, r#"{"authToken":"bearer-1"}"#)], Some("Authorization: Bearer bearer-1"));
        check(
            &[(project, r#"{"authToken":"bearer-1","basicPassword":"pa55word"}"#)],
            Some("Authorization: Bearer bearer-1"),
        );
        check(&[(default, r#"{"authToken":"default1"}"#), (project, "{}")], Some("Authorization: Bearer default1"));
        check(
            &[(default, r#"{"authToken":"default1"}"#), (project, r#"{"authToken":null}"#)],
            Some("Authorization: Bearer default1"),
        );
        check(
            &[(default, r#"{"authToken":"default1"}"#), (project, r#"{"authToken":"project1"}"#)],
            Some("Authorization: Bearer project1"),
        );
        check(&[(default, r#"{"authToken":"default1"}"#), (project, r#"{"authToken":""}"#)], None);
        check(
            &[(default, r#"{"basicUsername":"me"}"#), (project, r#"{"basicPassword":"pa55word"}"#)],
            Some("Authorization: Basic bWU6cGE1NXdvcmQ="),
        );
        check(&[(project, r#"{"basicPassword":"pa55word"}"#)], Some("Authorization: Basic OnBhNTV3b3Jk"));
        check(&[(project, r#"{"gitUrl":"https://host/x"}"#)], None);
    }

    #[test]
    fn invalid_credential_is_rejected_without_being_quoted() {
        let check = |name: &str, value: &str| {
            let error = header(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("CANARY"), "{error}");
        };
        for secret in [
            r#"{"token":"CANARY""#,
            r#"{"password":"CANARY"}"#,
            r#"{"token":"CANARY","username":"me","password":"CANARY"}"#,
            r#"{"token":["CANARY"]}"#,
            r#"{"username":"a:CANARY","password":"pa55word"}"#,
            "CANARY\nX-Injected: 1",
            "{}",
            "CANARY",
        ] {
            check(GIT_CREDENTIALS, secret);
        }
        for document in [
            "CANARY",
            r#"["CANARY"]"#,
            r#"{"authToken":"CANARY"}"#,
            r#"{"basicPassword":"CANARY"}"#,
            r#"{"authToken":{"a":"CANARY"}}"#,
            r#"{"authToken":"CANARY\r\nX: 1"}"#,
        ] {
            check(PROJECT_DOCUMENT, document);
        }
    }
}
