//! The overrides of StartBuild, and the IAM condition keys that AWS fills for each.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The members of StartBuild's input that have a condition key, and that key without `codebuild:`.
///
/// The keys of their own members follow by name: `artifacts.location`.
const KEYS: [(&str, &str); 21] = [
    ("artifactsOverride", "artifacts"),
    ("autoRetryLimitOverride", "autoRetryLimit"),
    ("buildStatusConfigOverride", "source.buildStatusConfig"),
    ("buildspecOverride", "source.buildspec"),
    ("cacheOverride", "cache"),
    ("certificateOverride", "environment.certificate"),
    ("computeTypeOverride", "environment.computeType"),
    ("encryptionKeyOverride", "encryptionKey"),
    ("environmentTypeOverride", "environment.type"),
    ("fleetOverride", "environment.fleet"),
    ("imageOverride", "environment.image"),
    ("imagePullCredentialsTypeOverride", "environment.imagePullCredentialsType"),
    ("insecureSslOverride", "source.insecureSsl"),
    ("logsConfigOverride", "logsConfig"),
    ("privilegedModeOverride", "environment.privilegedMode"),
    ("registryCredentialOverride", "environment.registryCredential"),
    ("secondaryArtifactsOverride", "secondaryArtifacts"),
    ("secondarySourcesOverride", "secondarySources"),
    ("serviceRoleOverride", "serviceRole"),
    ("sourceAuthOverride", "source.auth"),
    ("sourceLocationOverride", "source.location"),
];

/// The condition keys of a StartBuild call, without those of its variables.
pub(super) fn condition_keys(input: &Value) -> BTreeMap<String, Vec<String>> {
    let mut keys = BTreeMap::new();
    for (member, key) in KEYS {
        if let Some(value) = input.get(member).filter(|value| !value.is_null()) {
            add_keys(&mut keys, &format!("codebuild:{key}"), value);
        }
    }
    keys
}

/// Adds the key of a value and those of its members. The items of a list have the same keys.
fn add_keys(keys: &mut BTreeMap<String, Vec<String>>, key: &str, value: &Value) {
    match value {
        Value::Array(items) if !items.is_empty() => items.iter().for_each(|item| add_keys(keys, key, item)),
        Value::Object(members) => {
            keys.entry(key.to_owned()).or_default().push("present".to_owned());
            members.iter().for_each(|(name, member)| add_keys(keys, &format!("{key}.{name}"), member));
        }
        Value::String(text) => keys.entry(key.to_owned()).or_default().push(text.clone()),
        other => keys.entry(key.to_owned()).or_default().push(other.to_string()),
    }
}

/// One override of StartBuild: a member of its input, or a member of that.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StartBuildOverride {
    /// The input that sets it, and no other but what it requires.
    pub input: Value,
    /// The condition keys that AWS fills for it, without `codebuild:`. Without any, IAM cannot refuse it.
    pub keys: Vec<String>,
}

impl StartBuildOverride {
    /// All overrides of botocore's model, by name. A test compares them with the model.
    pub fn by_name() -> BTreeMap<String, Self> {
        // The file is part of this program, and a test reads it.
        serde_json::from_str(include_str!("../../fixtures/start_build.json")).unwrap_or_default()
    }

    /// All overrides.
    pub fn all() -> Vec<Self> {
        Self::by_name().into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_has_the_condition_keys_of_its_overrides() {
        let overrides = StartBuildOverride::by_name();
        assert!(overrides.len() > 80, "{}", overrides.len());
        for (name, StartBuildOverride { input, keys }) in overrides {
            let found = condition_keys(&input);
            let missing: Vec<_> = keys.iter().filter(|key| !found.contains_key(&format!("codebuild:{key}"))).collect();
            assert_eq!(missing, Vec::<&String>::new(), "{name}");
            assert_eq!(keys.is_empty(), found.is_empty(), "{name}: {found:?}");
        }
    }
}
