use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use doorbell_messages::{BuildId, DoneEvent, GitRef};
use doorbell_registry::SecretId;
use secrecy::SecretString;

use super::{NOW, PROFILE, config};
use crate::domain::{
    BuildQuery, BuildState, DeliveryOutcome, ForgeRepository, LaunchSpec, ProviderBuild, ProviderProfile,
    PublishOutcome, RefResolution, ReportTarget, Row, StartOutcome, StatusReport,
};
use crate::ports::{
    BuildProvider, DescribeError, DoneEventPublisher, PortError, RefResolver, SecretStore, StatusReporter, Unauthorized,
};

/// A running build of a row's job.
pub(crate) fn described_build(id: &str, row: &Row) -> ProviderBuild {
    ProviderBuild {
        id: BuildId::new(id),
        number: Some(1),
        job_id: Some(config().installation.job_id(&row.key)),
        is_own: true,
        reached_command: None,
        state: BuildState::Running,
        started_at: Some(NOW),
        ended_at: None,
        log_url: None,
    }
}

/// A provider that has the same builds at each call.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProviderStub {
    builds: Vec<ProviderBuild>,
    is_down: bool,
    /// An id for which it refuses the whole call.
    refused: Option<BuildId>,
    describe_calls: Arc<AtomicUsize>,
    stopped: Arc<Mutex<Vec<String>>>,
}

impl ProviderStub {
    pub(crate) fn with_builds(builds: Vec<ProviderBuild>) -> Self {
        Self { builds, ..Self::default() }
    }

    pub(crate) fn down() -> Self {
        Self { is_down: true, ..Self::default() }
    }

    pub(crate) fn refusing(self, id: &str) -> Self {
        Self { refused: Some(BuildId::new(id)), ..self }
    }

    pub(crate) fn describe_calls(&self) -> usize {
        self.describe_calls.load(Ordering::Relaxed)
    }

    pub(crate) fn stopped(&self) -> Vec<String> {
        self.stopped.lock().unwrap().clone()
    }

    fn all(&self) -> Result<Vec<ProviderBuild>, PortError> {
        if self.is_down { Err(PortError("down".to_owned())) } else { Ok(self.builds.clone()) }
    }
}

impl BuildProvider for ProviderStub {
    fn profile(&self) -> ProviderProfile {
        PROFILE
    }

    async fn start(&self, _: &LaunchSpec, _: &str) -> StartOutcome {
        StartOutcome::Unknown("a stub starts no builds".to_owned())
    }

    async fn list(&self, _: &BuildQuery) -> Result<Vec<ProviderBuild>, PortError> {
        self.all()
    }

    async fn describe(&self, ids: &[BuildId]) -> Result<Vec<ProviderBuild>, DescribeError> {
        self.describe_calls.fetch_add(1, Ordering::Relaxed);
        if self.refused.as_ref().is_some_and(|refused| ids.contains(refused)) {
            return Err(DescribeError::Refused("denied".to_owned()));
        }
        Ok(self.all()?.into_iter().filter(|build| ids.contains(&build.id)).collect())
    }

    async fn stop(&self, id: &BuildId) -> Result<(), PortError> {
        self.stopped.lock().unwrap().push(id.to_string());
        Ok(())
    }
}

/// A forge that accepts every token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReporterStub;

impl StatusReporter for ReporterStub {
    async fn report_status(
        &self,
        _: &ReportTarget,
        _: &StatusReport,
        _: &SecretString,
    ) -> Result<DeliveryOutcome, Unauthorized> {
        Ok(DeliveryOutcome::Delivered)
    }
}

impl RefResolver for ReporterStub {
    async fn resolve_ref(
        &self,
        _: &ForgeRepository,
        _: &GitRef,
        _: Option<&SecretString>,
    ) -> Result<RefResolution, Unauthorized> {
        Ok(RefResolution::Missing("no such ref".to_owned()))
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

/// A topic that takes everything.
#[derive(Debug, Clone)]
pub(crate) struct TopicStub;

impl DoneEventPublisher for TopicStub {
    async fn publish(&self, _: &DoneEvent) -> PublishOutcome {
        PublishOutcome::Published
    }
}
