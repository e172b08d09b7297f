use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use doorbell_engine::domain::Documents;
use doorbell_messages::ProjectName;
use doorbell_worker::call_failed;

use crate::account::Account;
use crate::failure::{Failure, is_missing};

/// The document that applies to all projects.
pub(crate) const DEFAULT: &str = "_default";

/// Bytes of a standard parameter; an advanced one takes twice as many, costs money, and never becomes standard again.
pub(crate) const STANDARD_BYTES: usize = 4096;

/// Bytes of an advanced parameter.
pub(crate) const ADVANCED_BYTES: usize = 8192;

/// The owner's registry in SSM.
#[derive(Debug)]
pub(crate) struct Registry {
    client: aws_sdk_ssm::Client,
    prefix: String,
}

/// A document as SSM has it. `text` may hold a credential: it is shown only after [`crate::project::hide`].
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) version: i64,
    pub(crate) is_encrypted: bool,
}

impl Registry {
    pub(crate) fn new(account: &Account, prefix: String) -> Self {
        Self { client: aws_sdk_ssm::Client::new(account.sdk()), prefix }
    }

    /// The SSM parameter of a document.
    pub(crate) fn parameter(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// All documents, `_default` among them, by name.
    ///
    /// # Errors
    /// The registry can't be read.
    pub(crate) async fn all(&self) -> Result<Vec<Entry>, Failure> {
        let mut entries = Vec::new();
        let call = self.client.get_parameters_by_path().path(&self.prefix).with_decryption(true);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call_failed(&format!("GetParametersByPath {}", self.prefix), error))?;
            entries.extend(page.parameters.unwrap_or_default().into_iter().filter_map(entry));
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// One document; none where there is no such parameter.
    ///
    /// # Errors
    /// The registry can't be read.
    pub(crate) async fn one(&self, name: &str) -> Result<Option<Entry>, Failure> {
        let call = self.client.get_parameter().name(self.parameter(name)).with_decryption(true);
        match call.send().await.map_err(|error| call_failed(&format!("GetParameter {}", self.parameter(name)), error)) {
            Ok(answer) => Ok(answer.parameter.and_then(entry)),
            Err(failed) if failed.code.as_deref().is_some_and(is_missing) => Ok(None),
            Err(failed) => Err(failed.into()),
        }
    }

    /// The documents that a project's policy is read from; none where there is no such project.
    ///
    /// # Errors
    /// The registry can't be read.
    pub(crate) async fn documents(&self, project: &ProjectName) -> Result<Option<Documents>, Failure> {
        let Some(own) = self.one(project.as_str()).await? else { return Ok(None) };
        let default = self.one(DEFAULT).await?;
        Ok(Some(Documents {
            project: (self.parameter(project.as_str()), own.text),
            default: default.map(|default| (self.parameter(DEFAULT), default.text)),
        }))
    }

    /// Writes a document; one that is there keeps its type. `is_advanced` asks for SSM's larger kind of parameter.
    ///
    /// # Errors
    /// SSM refuses it.
    pub(crate) async fn put(
        &self,
        name: &str,
        text: &str,
        before: Option<&Entry>,
        is_advanced: bool,
    ) -> Result<(), Failure> {
        let is_encrypted = before.is_some_and(|entry| entry.is_encrypted);
        let kind = if is_encrypted { ParameterType::SecureString } else { ParameterType::String };
        let call = self.client.put_parameter().name(self.parameter(name)).value(text).r#type(kind);
        let call = call.overwrite(before.is_some()).set_tier(is_advanced.then_some(ParameterTier::Advanced));
        call.send().await.map_err(|error| call_failed(&format!("PutParameter {}", self.parameter(name)), error))?;
        Ok(())
    }

    /// Removes a document.
    ///
    /// # Errors
    /// SSM refuses it.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), Failure> {
        let call = self.client.delete_parameter().name(self.parameter(name));
        call.send().await.map_err(|error| call_failed(&format!("DeleteParameter {}", self.parameter(name)), error))?;
        Ok(())
    }
}

fn entry(parameter: aws_sdk_ssm::types::Parameter) -> Option<Entry> {
    Some(Entry {
        name: parameter.name.as_deref()?.rsplit('/').next()?.to_owned(),
        is_encrypted: parameter.r#type == Some(ParameterType::SecureString),
        version: parameter.version,
        text: parameter.value?,
    })
}
