use std::fmt;

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{Parameter, ParameterTier, ParameterType};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use doorbell_engine::domain::RegistryDocuments;
use doorbell_messages::ProjectName;

use crate::aws::clock::AwsClock;
use crate::aws::connection::{AwsCallError, aws_error};

/// Name of the document that applies to all projects.
pub const DEFAULT_DOCUMENT: &str = "_default";

/// The owner's registry in SSM: one parameter for each project under one prefix.
#[derive(Debug, Clone)]
pub struct SsmRegistry {
    pub(super) client: Client,
    prefix: String,
}

/// A document in SSM. `text` may contain a credential.
#[derive(Clone)]
pub struct RegistryEntry {
    /// The project, or [`DEFAULT_DOCUMENT`].
    pub name: String,
    /// The document.
    pub text: String,
    /// SSM's version of the parameter.
    pub version: i64,
    /// Whether the parameter is a SecureString.
    pub is_encrypted: bool,
}

/// Without the text.
impl fmt::Debug for RegistryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryEntry")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl SsmRegistry {
    /// The registry under this prefix.
    pub fn new(sdk: &SdkConfig, clock: &AwsClock, prefix: String) -> Self {
        let config = aws_sdk_ssm::config::Builder::from(sdk).interceptor(clock.clone()).build();
        Self { client: Client::from_conf(config), prefix }
    }

    /// The registry's path.
    pub fn path(&self) -> &str {
        &self.prefix
    }

    /// The SSM parameter of a document.
    pub fn parameter(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// Reads one document; none if there is no such parameter.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub async fn get(&self, name: &str) -> Result<Option<RegistryEntry>, AwsCallError> {
        self.get_with(name, aws_sdk_ssm::Config::builder()).await
    }

    /// As [`SsmRegistry::get`], with settings of the call's own.
    pub(super) async fn get_with(
        &self,
        name: &str,
        settings: aws_sdk_ssm::config::Builder,
    ) -> Result<Option<RegistryEntry>, AwsCallError> {
        let path = self.parameter(name);
        let call = self.client.get_parameter().name(&path).with_decryption(true);
        match call.customize().config_override(settings).send().await {
            Ok(answer) => Ok(answer.parameter.and_then(|parameter| registry_entry(name, parameter))),
            Err(error) if error.code() == Some("ParameterNotFound") => Ok(None),
            Err(error) => Err(aws_error(&format!("GetParameter {path}"), error)),
        }
    }

    /// Reads the documents of a project's policy; none if there is no such project.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub async fn documents(&self, project: &ProjectName) -> Result<Option<RegistryDocuments>, AwsCallError> {
        let (document, default) =
            futures_util::future::try_join(self.get(project.as_str()), self.get(DEFAULT_DOCUMENT)).await?;
        let with_path = |entry: RegistryEntry| (self.parameter(&entry.name), entry.text);
        Ok(document.map(|document| RegistryDocuments { project: with_path(document), default: default.map(with_path) }))
    }

    /// Lists all documents, including [`DEFAULT_DOCUMENT`], sorted by name.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub async fn list(&self) -> Result<Vec<RegistryEntry>, AwsCallError> {
        let mut entries = Vec::new();
        let call = self.client.get_parameters_by_path().path(&self.prefix).with_decryption(true);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| aws_error(&format!("GetParametersByPath {}", self.prefix), error))?;
            entries.extend(page.parameters.unwrap_or_default().into_iter().filter_map(listed_entry));
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Writes a document; an existing parameter keeps its type.
    ///
    /// # Errors
    /// The SSM call failed.
    pub async fn put(
        &self,
        name: &str,
        text: &str,
        before: Option<&RegistryEntry>,
        is_advanced: bool,
    ) -> Result<(), AwsCallError> {
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
    pub async fn remove(&self, name: &str) -> Result<(), AwsCallError> {
        let call = self.client.delete_parameter().name(self.parameter(name));
        call.send().await.map_err(|error| aws_error(&format!("DeleteParameter {}", self.parameter(name)), error))?;
        Ok(())
    }
}

pub(super) fn registry_entry(name: &str, parameter: Parameter) -> Option<RegistryEntry> {
    Some(RegistryEntry {
        name: name.to_owned(),
        is_encrypted: parameter.r#type == Some(ParameterType::SecureString),
        version: parameter.version,
        text: parameter.value?,
    })
}

pub(super) fn listed_entry(parameter: Parameter) -> Option<RegistryEntry> {
    let name = parameter.name.as_deref()?.rsplit('/').next()?.to_owned();
    registry_entry(&name, parameter)
}
