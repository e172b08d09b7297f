use std::collections::BTreeMap;

use doorbell_engine::domain::RegistryDocuments;
use doorbell_engine::ports::{PortError, ProjectRegistry, SecretStore};
use doorbell_messages::{ProjectName, SecretId};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{PortCall, SimulatedWorker, lock};

/// The registry's parameters and the secrets.
#[derive(Debug)]
pub struct FakeRegistry {
    /// Documents by project.
    pub projects: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, String>,
    /// Reads that do not find an existing parameter.
    pub missed_reads: u32,
}

/// A project document: the base one with other keys added or replaced.
pub fn document(more: Value) -> String {
    let mut document = json!({
        "gitUrl": "https://git.example.org/demo.git",
        "command": "./deploy.sh",
        "buildProject": "builds",
        "cancelByRequest": true,
        "report": {"type": "pagure", "url": "https://pagure.example.org", "repo": "demo", "tokenSecret": "forge/demo"},
    });
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    document.to_string()
}

impl Default for FakeRegistry {
    fn default() -> Self {
        Self {
            projects: [("demo".to_owned(), document(json!({})))].into(),
            secrets: [("forge/demo".to_owned(), "token-1".to_owned())].into(),
            missed_reads: 0,
        }
    }
}

impl ProjectRegistry for SimulatedWorker {
    async fn read(&self, project: &ProjectName) -> Result<Option<RegistryDocuments>, PortError> {
        self.process.before(PortCall::ReadProject).await?;
        let document = {
            let mut parameters = lock(&self.services.registry);
            if parameters.missed_reads > 0 {
                parameters.missed_reads -= 1;
                None
            } else {
                parameters.projects.get(project.as_str()).cloned()
            }
        };
        self.process.after(PortCall::ReadProject).await?;
        Ok(document.map(|text| RegistryDocuments { project: (format!("/doorbell/{project}"), text), default: None }))
    }
}

impl SecretStore for SimulatedWorker {
    async fn read(&self, id: &SecretId) -> Result<SecretString, PortError> {
        self.process.before(PortCall::ReadSecret).await?;
        let secret = lock(&self.services.registry).secrets.get(id.as_str()).cloned();
        self.process.after(PortCall::ReadSecret).await?;
        secret.map(SecretString::from).ok_or_else(|| PortError(format!("no secret {id}")))
    }
}
