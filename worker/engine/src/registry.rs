use std::sync::Arc;
use std::time::Duration;

use doorbell_messages::ProjectName;
use doorbell_registry::BuildProjectName;

use crate::cache::Cache;
use crate::domain::{Policy, PolicySeen};
use crate::ports::{PortError, Projects};

/// How long a policy is believed: a change of the registry is in force after this.
const KEEP: Duration = Duration::from_secs(30);

/// How long "no such project" is believed: long enough that a flood of one unknown name costs two reads a few
/// seconds (SSM serves 40 a second to the whole account), short enough for the person who just registered it.
const KEEP_UNKNOWN: Duration = Duration::from_secs(5);

/// Policies by project, read ahead of need and at most once at a time.
#[derive(Debug)]
pub(crate) struct Registry {
    kept: Cache<ProjectName, PolicySeen>,
    fallback: Option<BuildProjectName>,
}

impl Registry {
    pub(crate) fn new(fallback: Option<BuildProjectName>) -> Self {
        Self { kept: Cache::new(), fallback }
    }

    /// What is known without asking anybody. Only a good policy: everything else is worth a look.
    pub(crate) fn known(&self, project: &ProjectName) -> Option<Arc<Policy>> {
        match self.kept.peek(project) {
            Some(PolicySeen::Known(policy)) => Some(policy),
            _ => None,
        }
    }

    pub(crate) async fn read(&self, projects: &impl Projects, project: &ProjectName) -> PolicySeen {
        let read = async {
            // "Unknown" is final for a job, so it is believed only when read twice.
            let documents = match projects.read(project).await? {
                Some(documents) => Some(documents),
                None => projects.read(project).await?,
            };
            let Some(documents) = documents else { return Ok((PolicySeen::Unknown, KEEP_UNKNOWN)) };
            Ok::<_, PortError>(match Policy::read(&documents, self.fallback.as_ref()) {
                Ok(policy) => {
                    for warning in &policy.warnings {
                        tracing::warn!(project = %project, "registry: {warning}");
                    }
                    (PolicySeen::Known(Arc::new(policy)), KEEP)
                }
                Err(error) => (PolicySeen::Wrong(error.to_string()), KEEP_UNKNOWN),
            })
        };
        match self.kept.get(project, read).await {
            Ok(seen) => seen,
            Err(error) => {
                tracing::warn!(project = %project, "the registry could not be read: {error}");
                PolicySeen::Unavailable(error.to_string())
            }
        }
    }
}
