use std::collections::BTreeMap;

use serde::Deserialize;

use super::phase::{PhaseContext, PhaseKind};
use super::variable::{CodeBuildVariable, CodeBuildVariableKind};

/// A buildspec of version 0.2 with the supported keys; any other key fails the build.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Buildspec {
    version: BuildspecVersion,
    #[serde(default)]
    env: BuildspecEnv,
    phases: BuildspecPhases,
}

/// The version: `0.2` is a number in YAML but often written as a string.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum BuildspecVersion {
    Number(f64),
    Text(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct BuildspecEnv {
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    parameter_store: BTreeMap<String, String>,
    #[serde(default)]
    secrets_manager: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuildspecPhases {
    #[serde(default)]
    install: PhaseCommands,
    #[serde(default)]
    pre_build: PhaseCommands,
    #[serde(default)]
    build: PhaseCommands,
    #[serde(default)]
    post_build: PhaseCommands,
}

/// The commands of one phase.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhaseCommands {
    #[serde(default)]
    pub(super) commands: Vec<String>,
    /// Run after the others, even if one of them failed.
    #[serde(default, rename = "finally")]
    pub(super) always: Vec<String>,
}

static NO_COMMANDS: PhaseCommands = PhaseCommands { commands: Vec::new(), always: Vec::new() };

impl Buildspec {
    /// # Errors
    /// The error that CodeBuild shows in the context of DOWNLOAD_SOURCE.
    pub(super) fn parse(yaml: &str) -> Result<Self, PhaseContext> {
        let refused = |message: String| PhaseContext::new("YAML_FILE_ERROR", message);
        let buildspec: Self =
            serde_saphyr::from_str(yaml).map_err(|error| refused(format!("the buildspec: {error}")))?;
        let known = match &buildspec.version {
            BuildspecVersion::Number(number) => *number == 0.2,
            BuildspecVersion::Text(text) => text == "0.2",
        };
        if known { Ok(buildspec) } else { Err(refused("Invalid buildspec version: only 0.2 is understood".to_owned())) }
    }

    /// The commands of a phase; none outside of the four phases that have commands.
    pub(super) fn commands(&self, phase: PhaseKind) -> &PhaseCommands {
        match phase {
            PhaseKind::Install => &self.phases.install,
            PhaseKind::PreBuild => &self.phases.pre_build,
            PhaseKind::Build => &self.phases.build,
            PhaseKind::PostBuild => &self.phases.post_build,
            _ => &NO_COMMANDS,
        }
    }

    /// The variables that it sets; those of the project and of StartBuild take precedence.
    pub(super) fn variables(&self) -> Vec<CodeBuildVariable> {
        let typed = |from: &BTreeMap<String, String>, kind: CodeBuildVariableKind| -> Vec<CodeBuildVariable> {
            from.iter()
                .map(|(name, value)| CodeBuildVariable { name: name.clone(), value: value.clone(), kind })
                .collect()
        };
        let mut variables = typed(&self.env.variables, CodeBuildVariableKind::Plaintext);
        variables.extend(typed(&self.env.parameter_store, CodeBuildVariableKind::ParameterStore));
        variables.extend(typed(&self.env.secrets_manager, CodeBuildVariableKind::SecretsManager));
        variables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buildspec_parses_commands_of_each_phase() {
        let yaml = "version: 0.2\nenv:\n  variables:\n    A: one\n  secrets-manager:\n    S: git:token\n\
                    phases:\n  build:\n    commands:\n      - echo one\n      - |\n        echo two\n        echo three\n    finally:\n      - echo last\n";
        let buildspec = Buildspec::parse(yaml).unwrap();
        let build = buildspec.commands(PhaseKind::Build);
        assert_eq!(build.commands, ["echo one", "echo two\necho three\n"]);
        assert_eq!(build.always, ["echo last"]);
        assert!(buildspec.commands(PhaseKind::Install).commands.is_empty());
        let kinds: Vec<_> = buildspec.variables().into_iter().map(|variable| (variable.name, variable.kind)).collect();
        assert_eq!(
            kinds,
            [
                ("A".to_owned(), CodeBuildVariableKind::Plaintext),
                ("S".to_owned(), CodeBuildVariableKind::SecretsManager)
            ]
        );
    }

    #[test]
    fn buildspec_with_unknown_key_is_rejected_by_name() {
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
