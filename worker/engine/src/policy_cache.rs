use std::sync::Arc;
use std::time::Duration;

use doorbell_messages::{BuildProjectName, ProjectName};

use crate::domain::{Policy, PolicyLookup};
use crate::ports::{PortError, ProjectRegistry};
use crate::ttl_cache::TtlCache;

/// Time to live of a policy: a change of the registry is in force after this.
const POLICY_TTL: Duration = Duration::from_secs(30);

/// Time to live of "no such project".
///
/// A flood of one unknown name costs two reads every few seconds (SSM serves 40 a second to the whole account), and a
/// person who has just registered a project waits no longer.
const UNKNOWN_PROJECT_TTL: Duration = Duration::from_secs(5);

/// Caches policies by project, each read at most once at a time.
#[derive(Debug)]
pub(crate) struct PolicyCache {
    policies: TtlCache<ProjectName, PolicyLookup>,
    fallback: Option<BuildProjectName>,
}

impl PolicyCache {
    pub(crate) fn new(fallback: Option<BuildProjectName>) -> Self {
        Self { policies: TtlCache::new(), fallback }
    }

    /// The cached policy, without a read. Everything else than a valid policy is worth a read.
    pub(crate) fn cached(&self, project: &ProjectName) -> Option<Arc<Policy>> {
        match self.policies.peek(project) {
            Some(PolicyLookup::Found(policy)) => Some(policy),
            _ => None,
        }
    }

    /// The project's policy, cached or read. A registry that fails is `PolicyLookup::Unavailable`.
    pub(crate) async fn lookup(&self, projects: &impl ProjectRegistry, project: &ProjectName) -> PolicyLookup {
        let read = async {
            // "Not registered" is final for a job, so the registry has to say it twice.
            let documents = match projects.read(project).await? {
                Some(documents) => Some(documents),
                None => projects.read(project).await?,
            };
            let Some(documents) = documents else { return Ok((PolicyLookup::NotRegistered, UNKNOWN_PROJECT_TTL)) };
            Ok::<_, PortError>(match Policy::read(&documents, self.fallback.as_ref()) {
                Ok(policy) => {
                    for warning in &policy.warnings {
                        tracing::warn!(project = %project, "registry: {warning}");
                    }
                    (PolicyLookup::Found(Arc::new(policy)), POLICY_TTL)
                }
                Err(error) => (PolicyLookup::Invalid(error.to_string()), UNKNOWN_PROJECT_TTL),
            })
        };
        match self.policies.get(project, read).await {
            Ok(lookup) => lookup,
            Err(error) => {
                tracing::warn!(project = %project, "registry read failed: {error}");
                PolicyLookup::Unavailable(error.to_string())
            }
        }
    }
}
