use std::future::Future;

use doorbell_messages::GitRef;
use secrecy::SecretString;

use crate::domain::{DeliveryOutcome, ForgeRepository, RefResolution, ReportTarget, StatusReport};

/// A host did not accept the token: a newer one may be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unauthorized(pub String);

/// Reports statuses to destinations.
pub trait StatusReporter: Send + Sync {
    /// Reports a status.
    fn report_status(
        &self,
        target: &ReportTarget,
        report: &StatusReport,
        token: &SecretString,
    ) -> impl Future<Output = Result<DeliveryOutcome, Unauthorized>> + Send;
}

/// Resolves refs of repositories.
pub trait RefResolver: Send + Sync {
    /// The commit of a ref.
    fn resolve_ref(
        &self,
        repository: &ForgeRepository,
        git_ref: &GitRef,
        token: Option<&SecretString>,
    ) -> impl Future<Output = Result<RefResolution, Unauthorized>> + Send;
}
