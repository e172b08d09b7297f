use std::sync::{Arc, Mutex};

use doorbell_messages::{BuildId, GitRef, ProjectName, SecretId};
use secrecy::SecretString;

use super::{NOW, config};
use crate::domain::{
    BuildQuery, DeliveryOutcome, ForgeRepository, LaunchSpec, ProviderBuild, RefResolution, RegistryDocuments,
    ReportTarget, Row, StartOutcome, StatusReport,
};
use crate::ports::{Answer, BuildProvider, PortError, ProjectRegistry, SecretStore, StatusReporter};

/// A running build of a row's job.
pub(crate) fn described_build(id: &str, row: &Row) -> ProviderBuild {
    ProviderBuild {
        id: BuildId::new(id),
        number: Some(1),
        job_id: Some(config().installation.job_id(&row.key)),
        initiator: Some("doorbell-worker/session".to_owned()),
        complete: false,
        status: "IN_PROGRESS".to_owned(),
        started_at: Some(NOW),
        ended_at: None,
        log_url: None,
        failed_stage: None,
    }
}

/// A provider that describes the same builds at each call.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProviderStub {
    builds: Vec<ProviderBuild>,
    is_down: bool,
    stopped: Arc<Mutex<Vec<String>>>,
}

impl ProviderStub {
    pub(crate) fn with_builds(builds: Vec<ProviderBuild>) -> Self {
        Self { builds, ..Self::default() }
    }

    pub(crate) fn down() -> Self {
        Self { is_down: true, ..Self::default() }
    }

    pub(crate) fn stopped(&self) -> Vec<String> {
        self.stopped.lock().unwrap().clone()
    }

    fn all(&self) -> Result<Vec<ProviderBuild>, PortError> {
        if self.is_down { Err(PortError("down".to_owned())) } else { Ok(self.builds.clone()) }
    }
}

impl BuildProvider for ProviderStub {
    async fn start(&self, _: &LaunchSpec, _: &str) -> StartOutcome {
        StartOutcome::Unknown("a stub starts no builds".to_owned())
    }

    async fn list(&self, _: &BuildQuery) -> Result<Vec<ProviderBuild>, PortError> {
        self.all()
    }

    async fn describe(&self, _: &[BuildId]) -> Result<Vec<ProviderBuild>, PortError> {
        self.all()
    }

    async fn stop(&self, id: &BuildId) -> Result<(), PortError> {
        self.stopped.lock().unwrap().push(id.to_string());
        Ok(())
    }
}

/// A registry without projects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RegistryStub;

impl ProjectRegistry for RegistryStub {
    async fn read(&self, _: &ProjectName) -> Result<Option<RegistryDocuments>, PortError> {
        Ok(None)
    }
}

/// A forge that accepts every token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReporterStub;

impl StatusReporter for ReporterStub {
    async fn report_status(&self, _: &ReportTarget, _: &StatusReport, _: &SecretString) -> Answer<DeliveryOutcome> {
        Answer::Seen(DeliveryOutcome::Delivered)
    }

    async fn resolve_ref(&self, _: &ForgeRepository, _: &GitRef, _: Option<&SecretString>) -> Answer<RefResolution> {
        Answer::Seen(RefResolution::Missing("no such ref".to_owned()))
    }
}

/// A store with one secret for all names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SecretsStub;

impl SecretStore for SecretsStub {
    async fn read(&self, _: &SecretId) -> Result<SecretString, PortError> {
        Ok("token".to_owned().into())
    }
}
