use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use doorbell_engine::domain::{RegistryDocuments, Timestamp};
use doorbell_engine::ports::{
    NameStore, NamesPage, PortError, ProjectRead, ProjectRegistry, RegistryError, SecretStore,
};
use doorbell_messages::ProjectName;
use doorbell_registry::SecretId;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{PortCall, SimulatedWorker, lock};

/// The registry's parameters and the secrets.
#[derive(Debug)]
pub struct FakeRegistry {
    /// Documents by project.
    pub projects: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, String>,
    /// Reads that do not find an existing parameter.
    pub missed_reads: u32,
    /// Listings show no parameter.
    pub is_list_empty: bool,
    /// The list that the workers share.
    pub stored_names: Vec<ProjectName>,
    /// Calls that all workers together may make in a second; the others are throttled.
    pub calls_per_second: usize,
    served: VecDeque<Instant>,
}

/// A project document: the base one with other keys added or replaced.
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

impl Default for FakeRegistry {
    fn default() -> Self {
        Self {
            projects: [("demo".to_owned(), document(json!({})))].into(),
            secrets: [("forge/demo".to_owned(), "token-1".to_owned())].into(),
            missed_reads: 0,
            is_list_empty: false,
            stored_names: Vec::new(),
            calls_per_second: usize::MAX,
            served: VecDeque::new(),
        }
    }
}

impl FakeRegistry {
    /// Counts a call against the limit.
    fn admit(&mut self) -> Result<(), RegistryError> {
        let now = Instant::now();
        self.served.retain(|served| now.duration_since(*served) < Duration::from_secs(1));
        if self.served.len() >= self.calls_per_second {
            return Err(RegistryError::Throttled("Rate exceeded".to_owned()));
        }
        self.served.push_back(now);
        Ok(())
    }

    fn read(&mut self, project: &ProjectName) -> Option<RegistryDocuments> {
        if self.missed_reads > 0 {
            self.missed_reads -= 1;
            return None;
        }
        let text = self.projects.get(project.as_str()).cloned()?;
        Some(RegistryDocuments { project: (format!("/doorbell/{project}"), text), default: None })
    }
}

/// Names on one page of a listing.
const PAGE_SIZE: usize = 10;

impl ProjectRegistry for SimulatedWorker {
    async fn read(&self, projects: &[ProjectName]) -> Result<Vec<ProjectRead>, RegistryError> {
        let failed = |error: PortError| RegistryError::Failed(error.to_string());
        self.process.before(PortCall::ReadProject).await.map_err(failed)?;
        lock(&self.services.registry).admit()?;
        let reads = {
            let mut registry = lock(&self.services.registry);
            projects.iter().map(|name| registry.read(name).map_or(ProjectRead::Missing, ProjectRead::Found)).collect()
        };
        self.process.after(PortCall::ReadProject).await.map_err(failed)?;
        Ok(reads)
    }

    async fn read_one(&self, project: &ProjectName) -> Result<Option<RegistryDocuments>, RegistryError> {
        let failed = |error: PortError| RegistryError::Failed(error.to_string());
        self.process.before(PortCall::ReadProject).await.map_err(failed)?;
        lock(&self.services.registry).admit()?;
        let documents = lock(&self.services.registry).read(project);
        self.process.after(PortCall::ReadProject).await.map_err(failed)?;
        Ok(documents)
    }

    async fn list_names(&self, after: Option<String>) -> Result<NamesPage, RegistryError> {
        let failed = |error: PortError| RegistryError::Failed(error.to_string());
        self.process.before(PortCall::ListProjects).await.map_err(failed)?;
        lock(&self.services.registry).admit()?;
        let page = {
            let registry = lock(&self.services.registry);
            let is_later = |name: &&String| after.as_ref().is_none_or(|after| *name > after);
            let names: Vec<String> = match registry.is_list_empty {
                true => Vec::new(),
                false => registry.projects.keys().filter(is_later).take(PAGE_SIZE).cloned().collect(),
            };
            let next = names.last().filter(|_| names.len() == PAGE_SIZE).cloned();
            NamesPage { names: names.iter().map(|name| name.parse().expect("a name")).collect(), next }
        };
        self.process.after(PortCall::ListProjects).await.map_err(failed)?;
        Ok(page)
    }
}

impl NameStore for SimulatedWorker {
    async fn load(&self) -> Result<Vec<ProjectName>, PortError> {
        Ok(lock(&self.services.registry).stored_names.clone())
    }

    async fn store(&self, names: &[ProjectName], _: Timestamp) -> Result<(), PortError> {
        lock(&self.services.registry).stored_names = names.to_vec();
        Ok(())
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
