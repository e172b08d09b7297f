use std::collections::BTreeMap;

use doorbell_registry::ProjectDocument;
use serde_json::Value;

use super::show::CREDENTIAL_KEYS;
use crate::registry::DEFAULT_DOCUMENT;

/// Names of projects that a warning lists; the rest is counted.
const MAX_NAMES: usize = 5;

/// A git credential, with the projects that use it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SharedCredential {
    /// The secret's name, or `_default` with its inline credential.
    pub(crate) credential: String,
    pub(crate) projects: Vec<String>,
}

impl SharedCredential {
    /// A sentence for the owner.
    pub(crate) fn warning(&self) -> String {
        let names = self.projects.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = match self.projects.len().saturating_sub(MAX_NAMES) {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        format!(
            "the git credential of {} serves the projects {names}{more}: the code of each can read the repositories of all",
            self.credential
        )
    }
}

/// Finds git credentials that more than one project uses. `projects` are names with their own documents.
///
/// A command can read its build's credential, so each repository should have one of its own (docs/git-credentials.md).
pub(crate) fn find_shared<'a>(
    default: Option<&str>,
    projects: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<SharedCredential> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, text) in projects {
        if let Some(credential) = credential_of(default, text) {
            users.entry(credential).or_default().push(name.to_owned());
        }
    }
    users.retain(|_, projects| projects.len() > 1);
    users.into_iter().map(|(credential, projects)| SharedCredential { credential, projects }).collect()
}

/// The credential that other projects may use, too: a secret, or what `_default` holds inline. An invalid document
/// has none: its error is said elsewhere.
fn credential_of(default: Option<&str>, text: &str) -> Option<String> {
    let merged = ProjectDocument::parse(default, text).ok()?;
    if let Some(credentials) = merged.document.git_credentials {
        return Some(credentials.secret.to_string());
    }
    // The values are dropped while parsing, so that two projects with equal inline credentials are not compared.
    let is_of_default = merged.inline_credentials && !has_inline_credential(text);
    is_of_default.then(|| DEFAULT_DOCUMENT.to_owned())
}

fn has_inline_credential(text: &str) -> bool {
    let Ok(Value::Object(document)) = serde_json::from_str(text) else { return false };
    CREDENTIAL_KEYS.iter().filter_map(|key| document.get(*key)?.as_str()).any(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(more: &str) -> String {
        format!(r#"{{"gitUrl": "https://host/x.git", "command": "./ci.sh"{more}}}"#)
    }

    #[test]
    fn credential_of_several_projects_is_named() {
        let (shared, own) =
            (r#", "gitCredentials": {"secret": "git/all"}"#, r#", "gitCredentials": {"secret": "git/c"}"#);
        let texts = [("a", document(shared)), ("b", document(shared)), ("c", document(own)), ("d", document(""))];
        let found = find_shared(None, texts.iter().map(|(name, text)| (*name, text.as_str())));
        let [one] = found.as_slice() else { panic!("{found:?}") };
        let expected = "the git credential of git/all serves the projects a, b: the code of each can read the repositories \
                        of all";
        assert_eq!(one.warning(), expected);
    }

    #[test]
    fn inline_credential_of_default_is_shared() {
        let default = r#"{"authToken": "canary"}"#;
        let own = document(r#", "authToken": "canary2""#);
        let texts = [("a", document("")), ("b", document("")), ("c", own)];
        let found = find_shared(Some(default), texts.iter().map(|(name, text)| (*name, text.as_str())));
        let expected = SharedCredential { credential: "_default".to_owned(), projects: vec!["a".into(), "b".into()] };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn long_list_of_projects_is_cut() {
        let projects = ["a", "b", "c", "d", "e", "f", "g"].map(str::to_owned).to_vec();
        let warning = SharedCredential { credential: "x".to_owned(), projects }.warning();
        assert!(warning.contains("a, b, c, d, e and 2 more"), "{warning}");
    }
}
