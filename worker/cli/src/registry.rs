use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use doorbell_adapters::aws::aws_error;
use doorbell_engine::domain::RegistryDocuments;
use doorbell_messages::ProjectName;

use crate::account::OwnerAccount;
use crate::error::{CliError, is_missing};

/// Name of the document that applies to all projects.
pub(crate) const DEFAULT_NAME: &str = "_default";

/// Maximum bytes of a standard parameter; an advanced one is charged and never becomes standard again.
pub(crate) const MAX_STANDARD_BYTES: usize = 4096;

/// Maximum bytes of an advanced parameter.
pub(crate) const MAX_ADVANCED_BYTES: usize = 8192;

/// The owner's registry in SSM.
#[derive(Debug)]
pub(crate) struct RegistryClient {
    client: aws_sdk_ssm::Client,
    prefix: String,
}

/// A document in SSM. `text` may contain a credential: print it only after [`crate::project::redact_credentials`].
#[derive(Clone)]
pub(crate) struct RegistryEntry {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) version: i64,
    pub(crate) is_encrypted: bool,
}

impl RegistryClient {
    pub(crate) fn new(account: &OwnerAccount, prefix: String) -> Self {
        Self { client: aws_sdk_ssm::Client::new(account.sdk()), prefix }
    }

    /// The SSM parameter of a document.
    pub(crate) fn parameter(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// Lists all documents, including `_default`, sorted by name.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub(crate) async fn list(&self) -> Result<Vec<RegistryEntry>, CliError> {
        let mut entries = Vec::new();
        let call = self.client.get_parameters_by_path().path(&self.prefix).with_decryption(true);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| aws_error(&format!("GetParametersByPath {}", self.prefix), error))?;
            entries.extend(page.parameters.unwrap_or_default().into_iter().filter_map(registry_entry));
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Reads one document; none if there is no such parameter.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<RegistryEntry>, CliError> {
        let call = self.client.get_parameter().name(self.parameter(name)).with_decryption(true);
        match call.send().await.map_err(|error| aws_error(&format!("GetParameter {}", self.parameter(name)), error)) {
            Ok(answer) => Ok(answer.parameter.and_then(registry_entry)),
            Err(error) if error.code.as_deref().is_some_and(is_missing) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the documents of a project's policy; none if there is no such project.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub(crate) async fn documents(&self, project: &ProjectName) -> Result<Option<RegistryDocuments>, CliError> {
        let Some(document) = self.get(project.as_str()).await? else { return Ok(None) };
        let default = self.get(DEFAULT_NAME).await?;
        Ok(Some(RegistryDocuments {
            project: (self.parameter(project.as_str()), document.text),
            default: default.map(|default| (self.parameter(DEFAULT_NAME), default.text)),
        }))
    }

    /// Writes a document; an existing parameter keeps its type.
    ///
    /// # Errors
    /// The SSM call failed.
    pub(crate) async fn put(
        &self,
        name: &str,
        text: &str,
        before: Option<&RegistryEntry>,
        is_advanced: bool,
    ) -> Result<(), CliError> {
        let is_encrypted = before.is_some_and(|entry| entry.is_encrypted);
        let kind = if is_encrypted { ParameterType::SecureString } else { ParameterType::String };
        let call = self.client.put_parameter().name(self.parameter(name)).value(text).r#type(kind);
        let call = call.overwrite(before.is_some()).set_tier(is_advanced.then_some(ParameterTier::Advanced));
        call.send().await.map_err(|error| aws_error(&format!("PutParameter {}", self.parameter(name)), error))?;
        Ok(())
    }

    /// Removes a document.
    ///
    /// # Errors
    /// The SSM call failed.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), CliError> {
        let call = self.client.delete_parameter().name(self.parameter(name));
        call.send().await.map_err(|error| aws_error(&format!("DeleteParameter {}", self.parameter(name)), error))?;
        Ok(())
    }
}

fn registry_entry(parameter: aws_sdk_ssm::types::Parameter) -> Option<RegistryEntry> {
    Some(RegistryEntry {
        name: parameter.name.as_deref()?.rsplit('/').next()?.to_owned(),
        is_encrypted: parameter.r#type == Some(ParameterType::SecureString),
        version: parameter.version,
        text: parameter.value?,
    })
}
