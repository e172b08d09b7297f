//! Build projects. A pinned one is as Terraform creates it: its own environment holds what may be built.
use doorbell_messages::GIT_CREDENTIALS;
use doorbell_registry::ProjectDocument;
use serde_json::{Value, json};

use super::{RUNNER_BUILDSPEC, Sandbox};
use crate::account::definition::{ACCOUNT_ID, PINNED_BUILD_ROLE};

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
        let mut created = build_project(PINNED_BUILD_PROJECT, PINNED_BUILD_ROLE, RUNNER_BUILDSPEC);
        created["environment"]["environmentVariables"] = pinned_variables(project, &document)?;
        created["timeoutInMinutes"] = document["timeoutMinutes"].clone();
        self.create_project(created).await?;
        document["pinned"] = json!(true);
        document["buildProject"] = json!(PINNED_BUILD_PROJECT);
        self.register_project(project, &document).await
    }
}

/// What Terraform's module `builds` writes for this document.
fn pinned_variables(project: &str, document: &Value) -> anyhow::Result<Value> {
    let document = ProjectDocument::parse(None, &document.to_string())?.document;
    let environment = document.pinned_environment(&project.parse().map_err(anyhow::Error::msg)?);
    let kind = |name| if name == GIT_CREDENTIALS { "SECRETS_MANAGER" } else { "PLAINTEXT" };
    Ok(environment.iter().map(|(name, value)| json!({ "name": name, "value": value, "type": kind(*name) })).collect())
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
