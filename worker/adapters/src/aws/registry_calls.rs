//! The registry as the worker reads it: few calls, none of which the SDK repeats.

use std::collections::HashMap;

use aws_config::retry::RetryConfig;
use doorbell_engine::domain::RegistryDocuments;
use doorbell_engine::ports::{NamesPage, ProjectRead, ProjectRegistry, RegistryError};
use doorbell_messages::ProjectName;

use crate::aws::connection::{AwsCallError, aws_error};
use crate::aws::registry::{DEFAULT_DOCUMENT, RegistryEntry, SsmRegistry, listed_entry};

/// Names that one page of GetParametersByPath holds: its maximum.
const PAGE_SIZE: i32 = 10;

impl ProjectRegistry for SsmRegistry {
    /// One GetParameters for the projects and `_default`. A SecureString is read by a call of its own, since its key may
    /// be denied to the worker: that concerns its project alone.
    async fn read(&self, projects: &[ProjectName]) -> Result<Vec<ProjectRead>, RegistryError> {
        let names = projects.iter().map(ProjectName::as_str).chain([DEFAULT_DOCUMENT]);
        let paths = names.map(|name| self.parameter(name)).collect();
        let call = self.client.get_parameters().set_names(Some(paths)).with_decryption(false);
        let answer = call.customize().config_override(without_retries()).send().await;
        let answer = answer.map_err(|error| registry_error(aws_error("GetParameters", error)))?;
        let entries = answer.parameters.unwrap_or_default().into_iter().filter_map(listed_entry);
        let mut entries: HashMap<String, RegistryEntry> = entries.map(|entry| (entry.name.clone(), entry)).collect();
        let default = match entries.remove(DEFAULT_DOCUMENT) {
            Some(default) if default.is_encrypted => {
                self.get_once(DEFAULT_DOCUMENT).await.map_err(|error| error.to_string())
            }
            default => Ok(default),
        };
        let mut reads = Vec::with_capacity(projects.len());
        for project in projects {
            reads.push(match entries.remove(project.as_str()) {
                None => ProjectRead::Missing,
                Some(entry) if entry.is_encrypted => match self.get_once(project.as_str()).await {
                    Ok(entry) => self.project_read(entry, &default),
                    Err(error) => ProjectRead::Failed(error.to_string()),
                },
                entry => self.project_read(entry, &default),
            });
        }
        Ok(reads)
    }

    async fn read_one(&self, project: &ProjectName) -> Result<Option<RegistryDocuments>, RegistryError> {
        // One after the other: a name that is not registered costs one call.
        let Some(document) = self.get_once(project.as_str()).await? else { return Ok(None) };
        let default = self.get_once(DEFAULT_DOCUMENT).await?;
        Ok(Some(self.to_documents(document, default)))
    }

    /// One page of GetParametersByPath, whose values are not used.
    async fn list_names(&self, after: Option<String>) -> Result<NamesPage, RegistryError> {
        let call = self.client.get_parameters_by_path().path(self.path()).with_decryption(false);
        let call = call.recursive(false).max_results(PAGE_SIZE).set_next_token(after);
        let answer = call.customize().config_override(without_retries()).send().await;
        let answer = answer.map_err(|error| registry_error(aws_error("GetParametersByPath", error)))?;
        let entries = answer.parameters.unwrap_or_default().into_iter().filter_map(listed_entry);
        // `_default` is no project's name.
        Ok(NamesPage { names: entries.filter_map(|entry| entry.name.parse().ok()).collect(), next: answer.next_token })
    }
}

impl SsmRegistry {
    async fn get_once(&self, name: &str) -> Result<Option<RegistryEntry>, RegistryError> {
        self.get_with(name, without_retries()).await.map_err(registry_error)
    }

    fn project_read(
        &self,
        entry: Option<RegistryEntry>,
        default: &Result<Option<RegistryEntry>, String>,
    ) -> ProjectRead {
        match (entry, default) {
            (None, _) => ProjectRead::Missing,
            (_, Err(reason)) => ProjectRead::Failed(reason.clone()),
            (Some(entry), Ok(default)) => ProjectRead::Found(self.to_documents(entry, default.clone())),
        }
    }

    fn to_documents(&self, project: RegistryEntry, default: Option<RegistryEntry>) -> RegistryDocuments {
        let with_path = |entry: RegistryEntry| (self.parameter(&entry.name), entry.text);
        RegistryDocuments { project: with_path(project), default: default.map(with_path) }
    }
}

/// The worker's own pace counts calls; a retry of the SDK would be one more.
fn without_retries() -> aws_sdk_ssm::config::Builder {
    aws_sdk_ssm::Config::builder().retry_config(RetryConfig::disabled())
}

fn registry_error(error: AwsCallError) -> RegistryError {
    let is_throttled = matches!(
        error.code.as_deref(),
        Some(
            "ThrottlingException"
                | "Throttling"
                | "TooManyRequestsException"
                | "RequestLimitExceeded"
                | "TooManyUpdates"
        )
    );
    let reason = error.to_string();
    if is_throttled { RegistryError::Throttled(reason) } else { RegistryError::Failed(reason) }
}
