//! Build projects. A pinned one is as Terraform creates it: its own environment holds what may be built.
use doorbell_messages::{APPEND_REF, PINNED, PROGRAM, REFS, VARIABLES};
use serde_json::{Value, json};

use super::{RUNNER_BUILDSPEC, Sandbox};
use crate::account::definition::{ACCOUNT_ID, BUILD_ROLE};

/// The build project that [`Sandbox::pin_project`] creates, named as Terraform would.
pub const PINNED_BUILD_PROJECT: &str = "doorbell--demo-2a97516c";

impl Sandbox {
    pub(super) async fn create_build_project(
        &self,
        name: &str,
        role: &str,
        buildspec: &str,
        limit: Option<u32>,
    ) -> anyhow::Result<()> {
        let mut project = build_project(name, role, buildspec);
        if let Some(limit) = limit {
            project["concurrentBuildLimit"] = limit.into();
        }
        self.create_project(project).await
    }

    async fn create_project(&self, project: Value) -> anyhow::Result<()> {
        let client = self.codebuild_client(self.account.emulator().root_key())?;
        client.json("codebuild", "CodeBuild_20161006.CreateProject", project).await?;
        Ok(())
    }

    /// Creates the pinned build project of a document and registers the document with `"pinned": true`.
    ///
    /// # Errors
    /// CodeBuild or SSM rejected it.
    pub async fn pin_project(&self, project: &str, mut document: Value) -> anyhow::Result<()> {
        let mut created = build_project(PINNED_BUILD_PROJECT, BUILD_ROLE, RUNNER_BUILDSPEC);
        created["environment"]["environmentVariables"] = pinned_variables(project, &document);
        created["timeoutInMinutes"] = document["timeoutMinutes"].clone();
        self.create_project(created).await?;
        document["pinned"] = json!(true);
        document["buildProject"] = json!(PINNED_BUILD_PROJECT);
        self.register_project(project, &document).await
    }
}

/// The same variables as `local.pinned_environment` of Terraform's module `builds`.
fn pinned_variables(project: &str, document: &Value) -> Value {
    let command = &document["command"];
    let program = if command.is_string() { json!([command]) } else { command.clone() };
    let minutes = document["timeoutMinutes"].as_u64().unwrap_or(60);
    let text = |key: &str, default: &str| document[key].as_str().unwrap_or(default).to_owned();
    let list = |key: &str| document.get(key).cloned().unwrap_or_else(|| json!([])).to_string();
    let plaintext = [
        (PINNED, "1".to_owned()),
        (doorbell_messages::PROJECT, project.to_owned()),
        (doorbell_messages::GIT_URL, text("gitUrl", "")),
        (PROGRAM, program.to_string()),
        (APPEND_REF, u8::from(command.is_string()).to_string()),
        (doorbell_messages::DIRECTORY, text("deployDir", ".")),
        (REFS, list("refs")),
        (doorbell_messages::COMMIT_RULE, text("commitPolicy", "ancestor")),
        (VARIABLES, list("variables")),
        (doorbell_messages::TIMEOUT_SECONDS, (minutes * 60 - 60).to_string()),
    ];
    let plaintext = plaintext.map(|(name, value)| json!({ "name": name, "value": value, "type": "PLAINTEXT" }));
    let secret = document["gitCredentials"]["secret"].as_str().map(
        |secret| json!({ "name": doorbell_messages::GIT_CREDENTIALS, "value": secret, "type": "SECRETS_MANAGER" }),
    );
    plaintext.into_iter().chain(secret).collect()
}

/// CreateProject's input for a build project without settings of its own.
fn build_project(name: &str, role: &str, buildspec: &str) -> Value {
    json!({
        "name": name,
        "source": { "type": "NO_SOURCE", "buildspec": buildspec },
        "artifacts": { "type": "NO_ARTIFACTS" },
        "environment": { "type": "LINUX_CONTAINER", "image": "doorbell-build", "computeType": "BUILD_GENERAL1_SMALL" },
        "serviceRole": format!("arn:aws:iam::{ACCOUNT_ID}:role/{role}"),
    })
}
