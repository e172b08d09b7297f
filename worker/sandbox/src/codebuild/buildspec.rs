use std::collections::BTreeMap;

use serde::Deserialize;

use super::phase::{Context, PhaseKind};
use super::variable::{Variable, VariableKind};

/// A buildspec of version 0.2, as far as this CodeBuild does what it says; a key that is not here fails the build.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Buildspec {
    version: Version,
    #[serde(default)]
    env: Env,
    phases: Phases,
}

/// `0.2` is a number in YAML, and is written as a text as often.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Version {
    Number(f64),
    Text(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Env {
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    parameter_store: BTreeMap<String, String>,
    #[serde(default)]
    secrets_manager: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Phases {
    #[serde(default)]
    install: Commands,
    #[serde(default)]
    pre_build: Commands,
    #[serde(default)]
    build: Commands,
    #[serde(default)]
    post_build: Commands,
}

/// What one phase runs.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Commands {
    #[serde(default)]
    pub(super) commands: Vec<String>,
    /// Run after the others, even if one of them failed.
    #[serde(default, rename = "finally")]
    pub(super) always: Vec<String>,
}

static NOTHING: Commands = Commands { commands: Vec::new(), always: Vec::new() };

impl Buildspec {
    /// # Errors
    /// What CodeBuild puts in the context of DOWNLOAD_SOURCE.
    pub(super) fn parse(yaml: &str) -> Result<Self, Context> {
        let refused = |message: String| Context::new("YAML_FILE_ERROR", message);
        let buildspec: Self =
            serde_saphyr::from_str(yaml).map_err(|error| refused(format!("the buildspec: {error}")))?;
        let known = match &buildspec.version {
            Version::Number(number) => *number == 0.2,
            Version::Text(text) => text == "0.2",
        };
        if known { Ok(buildspec) } else { Err(refused("Invalid buildspec version: only 0.2 is understood".to_owned())) }
    }

    /// What it runs in a phase: nothing, outside of the four that have commands.
    pub(super) fn commands(&self, phase: PhaseKind) -> &Commands {
        match phase {
            PhaseKind::Install => &self.phases.install,
            PhaseKind::PreBuild => &self.phases.pre_build,
            PhaseKind::Build => &self.phases.build,
            PhaseKind::PostBuild => &self.phases.post_build,
            _ => &NOTHING,
        }
    }

    /// The variables that it sets; those of the project and of StartBuild go before them.
    pub(super) fn variables(&self) -> Vec<Variable> {
        let typed = |from: &BTreeMap<String, String>, kind: VariableKind| -> Vec<Variable> {
            from.iter().map(|(name, value)| Variable { name: name.clone(), value: value.clone(), kind }).collect()
        };
        let mut variables = typed(&self.env.variables, VariableKind::Plaintext);
        variables.extend(typed(&self.env.parameter_store, VariableKind::ParameterStore));
        variables.extend(typed(&self.env.secrets_manager, VariableKind::SecretsManager));
        variables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buildspec_says_what_each_phase_runs() {
        let yaml = "version: 0.2\nenv:\n  variables:\n    A: one\n  secrets-manager:\n    S: git:token\n\
                    phases:\n  build:\n    commands:\n      - echo one\n      - |\n        echo two\n        echo three\n    finally:\n      - echo last\n";
        let buildspec = Buildspec::parse(yaml).unwrap();
        let build = buildspec.commands(PhaseKind::Build);
        assert_eq!(build.commands, ["echo one", "echo two\necho three\n"]);
        assert_eq!(build.always, ["echo last"]);
        assert!(buildspec.commands(PhaseKind::Install).commands.is_empty());
        let kinds: Vec<_> = buildspec.variables().into_iter().map(|variable| (variable.name, variable.kind)).collect();
        assert_eq!(kinds, [("A".to_owned(), VariableKind::Plaintext), ("S".to_owned(), VariableKind::SecretsManager)]);
    }

    #[test]
    fn what_is_not_understood_is_refused_by_its_name() {
        let check = |yaml: &str, names: &str| {
            let context = Buildspec::parse(yaml).unwrap_err();
            assert_eq!(context.status_code, "YAML_FILE_ERROR");
            assert!(context.message.contains(names), "{context:?}");
        };
        check("version: 0.1\nphases: {}\n", "version");
        check("version: 0.2\nphases:\n  deploy:\n    commands: []\n", "deploy");
        check("version: 0.2\nphases: {}\nartifacts:\n  files: ['*']\n", "artifacts");
        check("phases: {}\n", "version");
        check("version: [", "buildspec");
    }
}
