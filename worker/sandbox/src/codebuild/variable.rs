//! Environment variables of builds, and the secrets that two of their types refer to.
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::error::CodeBuildError;
use super::phase::PhaseContext;
use super::services::{BuildRole, SecretVersion};

/// One entry of `environmentVariables`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeBuildVariable {
    pub(super) name: String,
    pub(super) value: String,
    #[serde(rename = "type", default)]
    pub(super) kind: CodeBuildVariableKind,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum CodeBuildVariableKind {
    #[default]
    Plaintext,
    ParameterStore,
    SecretsManager,
}

/// Rejects names that no environment can hold, and duplicates.
pub(super) fn validate(variables: &[CodeBuildVariable]) -> Result<(), CodeBuildError> {
    let mut names = BTreeSet::new();
    for CodeBuildVariable { name, value, .. } in variables {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(CodeBuildError::invalid_input(format!("Invalid environment variable: {name:?}")));
        }
        if !names.insert(name) {
            return Err(CodeBuildError::invalid_input(format!("Duplicate environment variable: {name}")));
        }
    }
    Ok(())
}

/// The variables of `base`, replaced by those of `overrides` with the same name, then the rest of `overrides`.
pub(super) fn overlay(base: &[CodeBuildVariable], overrides: &[CodeBuildVariable]) -> Vec<CodeBuildVariable> {
    let replaces = |name: &str| overrides.iter().any(|variable| variable.name == name);
    base.iter().filter(|variable| !replaces(&variable.name)).chain(overrides).cloned().collect()
}

/// A build's variables, and the values that its log must not show.
///
/// Not `Debug`: it holds secrets.
#[derive(Default)]
pub(super) struct ResolvedVariables {
    pub(super) values: BTreeMap<String, String>,
    pub(super) secrets: Vec<String>,
}

/// Reads the secrets among `variables` with the build's role.
///
/// # Errors
/// The first that cannot be read, as CodeBuild writes it into the phase's context.
pub(super) async fn resolve(
    variables: &[CodeBuildVariable],
    role: &dyn BuildRole,
) -> Result<ResolvedVariables, PhaseContext> {
    let mut resolved = ResolvedVariables::default();
    for CodeBuildVariable { name, value, kind } in variables {
        let value = match kind {
            CodeBuildVariableKind::Plaintext => value.clone(),
            CodeBuildVariableKind::ParameterStore => {
                let read = role.parameter(value).await.map_err(|error| format!("{}: {}", error.code, error.message));
                // The code is AWS's own, as seen in the logs of public issues.
                read.map_err(|message| PhaseContext::new("Decrypted Variables Error", message))?
            }
            CodeBuildVariableKind::SecretsManager => secret(value, role)
                .await
                .map_err(|message| PhaseContext::new("Secrets Manager Error Message", message))?,
        };
        if *kind != CodeBuildVariableKind::Plaintext {
            resolved.secrets.push(value.clone());
        }
        resolved.values.insert(name.clone(), value);
    }
    Ok(resolved)
}

async fn secret(reference: &str, role: &dyn BuildRole) -> Result<String, String> {
    let (wanted, json_key) = secret_reference(reference);
    let text = role.secret(&wanted).await.map_err(|error| format!("{}: {}", error.code, error.message))?;
    let Some(json_key) = json_key else { return Ok(text) };
    let fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text)
        .map_err(|_| format!("the secret {} is not a JSON object, so it has no key {json_key}", wanted.id))?;
    match fields.get(&json_key) {
        Some(serde_json::Value::String(value)) => Ok(value.clone()),
        Some(value) => Ok(value.to_string()),
        None => Err(format!("key {json_key} does not exist in secret {}", wanted.id)),
    }
}

/// Parses `id[:json-key[:stage[:version]]]`, where the id may be an ARN, which has six colons of its own.
fn secret_reference(reference: &str) -> (SecretVersion, Option<String>) {
    let colons_of_id = if reference.starts_with("arn:") { 6 } else { 0 };
    let end = reference.match_indices(':').nth(colons_of_id).map_or(reference.len(), |(at, _)| at);
    let (id, rest) = reference.split_at(end);
    let mut rest = rest.split(':').skip(1).map(|part| (!part.is_empty()).then(|| part.to_owned()));
    let mut next = || rest.next().flatten();
    let json_key = next();
    (SecretVersion { id: id.to_owned(), stage: next(), version: next() }, json_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_reference_parses_key_stage_and_version() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:git-AbCdEf";
        let check = |reference: &str, id: &str, key: Option<&str>, stage: Option<&str>, version: Option<&str>| {
            let text = |part: Option<&str>| part.map(str::to_owned);
            let wanted = SecretVersion { id: id.to_owned(), stage: text(stage), version: text(version) };
            assert_eq!(secret_reference(reference), (wanted, text(key)), "{reference}");
        };
        check("git", "git", None, None, None);
        check("git:token", "git", Some("token"), None, None);
        check("git:token:AWSPREVIOUS", "git", Some("token"), Some("AWSPREVIOUS"), None);
        check("git::AWSPREVIOUS", "git", None, Some("AWSPREVIOUS"), None);
        check("git:token::v1", "git", Some("token"), None, Some("v1"));
        check(arn, arn, None, None, None);
        check(&format!("{arn}:token"), arn, Some("token"), None, None);
    }

    #[test]
    fn override_replaces_project_variable_of_same_name() {
        let variable = |name: &str, value: &str| CodeBuildVariable {
            name: name.to_owned(),
            value: value.to_owned(),
            kind: CodeBuildVariableKind::Plaintext,
        };
        let base = [variable("A", "project"), variable("B", "project")];
        let overrides = [variable("C", "call"), variable("A", "call")];
        let expected = [variable("B", "project"), variable("C", "call"), variable("A", "call")];
        assert_eq!(overlay(&base, &overrides), expected);
    }

    #[test]
    fn invalid_environment_variable_is_rejected() {
        let checked = |names: &[&str]| {
            let variable = |name: &&str| CodeBuildVariable {
                name: (*name).to_owned(),
                value: String::new(),
                kind: CodeBuildVariableKind::Plaintext,
            };
            validate(&names.iter().map(variable).collect::<Vec<_>>())
        };
        assert_eq!(checked(&["A", "B"]), Ok(()));
        for names in [&["A", "A"][..], &[""], &["A=B"], &["A\0"]] {
            assert_eq!(checked(names).unwrap_err().code, "InvalidInputException", "{names:?}");
        }
    }
}
