use std::collections::BTreeMap;

use doorbell_messages::{
    APPEND_REF, CHECKOUT, COMMIT_RULE, DIRECTORY, GIT_CREDENTIALS, GIT_URL, PINNED, PROGRAM, PROJECT, ProjectName,
    REFS, TIMEOUT_SECONDS, VARIABLES,
};
use serde_json::Value;

use crate::{BuildCommand, ProjectDocument};

/// Minutes that a build may take where the project does not say.
pub const DEFAULT_TIMEOUT_MINUTES: u32 = 60;

/// How long before the provider's timeout the runner ends the command: enough to kill it and to say so.
pub const RUNNER_TIMEOUT_MARGIN_SECONDS: u32 = 60;

impl ProjectDocument {
    /// Minutes that a build of this project may take.
    pub fn build_minutes(&self) -> u32 {
        self.timeout_minutes.map_or(DEFAULT_TIMEOUT_MINUTES, |minutes| minutes.get())
    }

    /// The own environment of the build project that fixes what this document says, as Terraform writes it.
    pub fn pinned_environment(&self, project: &ProjectName) -> BTreeMap<&'static str, String> {
        let (program, append_ref) = match &self.command {
            BuildCommand::Executable(program) => (std::slice::from_ref(program), "1"),
            BuildCommand::Argv(argv) => (argv.as_slice(), "0"),
        };
        let refs: Vec<String> = self.refs.iter().flatten().map(ToString::to_string).collect();
        let variables: Vec<&str> = self.variables.iter().map(|rule| rule.name.as_str()).collect();
        let seconds = (self.build_minutes() * 60).saturating_sub(RUNNER_TIMEOUT_MARGIN_SECONDS);
        let fixed = [
            (PINNED, "1".to_owned()),
            (PROJECT, project.to_string()),
            (GIT_URL, self.git_url.to_string()),
            (PROGRAM, Value::from(program).to_string()),
            (APPEND_REF, append_ref.to_owned()),
            (DIRECTORY, self.deploy_dir.as_str().to_owned()),
            (REFS, Value::from(refs).to_string()),
            (COMMIT_RULE, self.commit_policy.as_str().to_owned()),
            (VARIABLES, Value::from(variables).to_string()),
            (TIMEOUT_SECONDS, seconds.to_string()),
        ];
        let checkout = self.checkout.map(|checkout| (CHECKOUT, checkout.to_string()));
        let secret = self.git_credentials.as_ref().map(|git| (GIT_CREDENTIALS, git.secret.to_string()));
        fixed.into_iter().chain(checkout).chain(secret).collect()
    }

    /// The names of the variables in which a build project's own environment differs from this document.
    ///
    /// Lists are compared as lists: Terraform escapes characters in JSON that we do not, and leaves `heads/` to us.
    pub fn pinned_differences(
        &self,
        project: &ProjectName,
        environment: &BTreeMap<String, String>,
    ) -> Vec<&'static str> {
        let expected = self.pinned_environment(project);
        let optional = [CHECKOUT, GIT_CREDENTIALS].into_iter().filter(|name| !expected.contains_key(name));
        let names = expected.keys().copied().chain(optional);
        let differs = |name: &&str| {
            let found = environment.get(*name).map(|value| comparable(name, value));
            found != expected.get(name).map(|value| comparable(name, value))
        };
        names.filter(differs).collect()
    }
}

fn comparable(name: &str, text: &str) -> Value {
    if ![PROGRAM, REFS, VARIABLES, CHECKOUT].contains(&name) {
        return Value::from(text);
    }
    match serde_json::from_str(text) {
        Ok(Value::Array(refs)) if name == REFS => refs.into_iter().map(full_pattern).collect(),
        Ok(value) => value,
        Err(_) => Value::from(text),
    }
}

/// A bare name is a branch.
fn full_pattern(pattern: Value) -> Value {
    let text = pattern.as_str().unwrap_or_default();
    match doorbell_messages::RefPattern::try_from(text.to_owned()) {
        Ok(pattern) => pattern.to_string().into(),
        Err(_) => pattern,
    }
}
