use std::collections::BTreeMap;

use doorbell_engine::domain::Documents;
use doorbell_engine::ports::{PortError, Projects, Secrets};
use doorbell_messages::ProjectName;
use doorbell_registry::SecretId;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Call, Worker, locked};

/// The registry's parameters and the secrets.
#[derive(Debug)]
pub struct Parameters {
    /// Documents by project.
    pub projects: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, String>,
    /// Reads that miss a parameter which is there.
    pub misses: u32,
}

/// A registry document, the base one with more or other keys.
pub fn document(more: Value) -> String {
    let mut document = json!({
        "gitUrl": "https://git.example.org/demo.git",
        "command": "./deploy.sh",
        "buildProject": "builds",
        "allowCancel": true,
        "reportTo": {"type": "pagure", "url": "https://pagure.example.org", "repo": "demo", "tokenSecret": "forge/demo"},
    });
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    document.to_string()
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            projects: [("demo".to_owned(), document(json!({})))].into(),
            secrets: [("forge/demo".to_owned(), "token-1".to_owned())].into(),
            misses: 0,
        }
    }
}

impl Projects for Worker {
    async fn read(&self, project: &ProjectName) -> Result<Option<Documents>, PortError> {
        self.process.before(Call::ReadProject).await?;
        let document = {
            let mut parameters = locked(&self.shared.parameters);
            if parameters.misses > 0 {
                parameters.misses -= 1;
                None
            } else {
                parameters.projects.get(project.as_str()).cloned()
            }
        };
        self.process.after(Call::ReadProject).await?;
        Ok(document.map(|text| Documents { project: (format!("/doorbell/{project}"), text), default: None }))
    }
}

impl Secrets for Worker {
    async fn read(&self, id: &SecretId) -> Result<SecretString, PortError> {
        self.process.before(Call::ReadSecret).await?;
        let secret = locked(&self.shared.parameters).secrets.get(id.as_str()).cloned();
        self.process.after(Call::ReadSecret).await?;
        secret.map(SecretString::from).ok_or_else(|| PortError(format!("no secret {id}")))
    }
}
