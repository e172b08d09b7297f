//! Executes one effect: one call to the registry, the provider or the forge.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use doorbell_messages::{BuildId, GitRef};
use tokio::time::Instant;
use tracing::{error, warn};

use crate::admission::Permits;
use crate::describe::describe_builds;
use crate::domain::{
    BuildQuery, DeliveryOutcome, Effect, ForgeRepository, LaunchSpec, Observation, RefResolution, ReportTarget, Row,
    SEND_DEADLINE, StartOutcome, StatusReport,
};
use crate::limiter::{CallResult, Permit};
use crate::metrics;
use crate::policy_cache::PolicyCache;
use crate::ports::{BuildProvider, ProjectRegistry, RefResolver, SecretStore, StatusReporter, Unauthorized};
use crate::token_cache::TokenCache;

/// Executes effects outside the ledger.
pub(crate) trait EffectExecutor: Send + Sync + 'static {
    /// Executes an effect of a row. The observation is what the row is to see next, if anything.
    fn execute(
        &self,
        row: &Row,
        effect: &Effect,
        permits: &mut Permits,
        claimed_at: Instant,
    ) -> impl Future<Output = Option<Observation>> + Send;
}

/// Executes effects by calls of the registry, the provider and the forge.
#[derive(Debug)]
pub(crate) struct PortCalls<R, B, F, H, S> {
    registry: R,
    provider: B,
    reporter: F,
    resolver: H,
    secrets: S,
    policies: Arc<PolicyCache>,
    tokens: TokenCache,
}

impl<R, B, F, H, S> EffectExecutor for PortCalls<R, B, F, H, S>
where
    R: ProjectRegistry + 'static,
    B: BuildProvider + 'static,
    F: StatusReporter + 'static,
    H: RefResolver + 'static,
    S: SecretStore + 'static,
{
    async fn execute(
        &self,
        row: &Row,
        effect: &Effect,
        permits: &mut Permits,
        claimed_at: Instant,
    ) -> Option<Observation> {
        match effect {
            Effect::ReadPolicy => {
                Some(Observation::PolicyRead(self.policies.lookup(&self.registry, &row.request.project).await))
            }
            Effect::ResolveRef { policy, build_project, repository, git_ref } => Some(Observation::RefResolved {
                policy: policy.clone(),
                build_project: build_project.clone(),
                resolution: self.resolve_ref(repository, git_ref).await,
            }),
            Effect::QueryBuilds(query) => Some(self.query_builds(query).await),
            Effect::DescribeBuild(id) => Some(self.describe_build(id).await),
            Effect::StartBuild { spec, attempt, token } => {
                let outcome = self.start_build(spec, token, permits.start.take(), claimed_at).await;
                Some(Observation::StartAttempted { attempt: *attempt, outcome })
            }
            Effect::StopBuild(id) => self.stop_build(id).await,
            Effect::StopDuplicate { build, is_running } => self.stop_duplicate_build(build, *is_running).await,
            Effect::ReportStatus { entry, target, report, claim } => {
                let outcome = self.report_status(target, report, permits.report.take(), claimed_at).await;
                Some(Observation::ReportAttempted { entry: *entry, claim: *claim, outcome })
            }
            // The driver executes it: it writes another row.
            Effect::CancelJob(_) => None,
        }
    }
}

impl<R, B: BuildProvider, F: StatusReporter, H: RefResolver, S: SecretStore> PortCalls<R, B, F, H, S> {
    pub(crate) fn new(
        registry: R,
        provider: B,
        reporter: F,
        resolver: H,
        secrets: S,
        policies: Arc<PolicyCache>,
    ) -> Self {
        Self { registry, provider, reporter, resolver, secrets, policies, tokens: TokenCache::new() }
    }

    async fn start_build(
        &self,
        spec: &LaunchSpec,
        token: &str,
        permit: Option<Permit>,
        claimed_at: Instant,
    ) -> StartOutcome {
        if claimed_at.elapsed() > SEND_DEADLINE {
            return StartOutcome::NotSent;
        }
        metrics::start_build_called();
        let outcome = self.provider.start(spec, token).await;
        if let Some(permit) = permit {
            permit.record(match &outcome {
                StartOutcome::Started(_) => CallResult::Accepted,
                StartOutcome::Limited(_) => CallResult::Throttled(None),
                StartOutcome::Denied(_)
                | StartOutcome::Invalid(_)
                | StartOutcome::Unknown(_)
                | StartOutcome::NotSent => CallResult::Inconclusive,
            });
        }
        match &outcome {
            StartOutcome::Denied(reason) => {
                error!("StartBuild denied; check the worker's IAM role and the build project: {reason}")
            }
            StartOutcome::Unknown(reason) => warn!("StartBuild outcome unknown: {reason}"),
            StartOutcome::Started(_) | StartOutcome::Limited(_) | StartOutcome::Invalid(_) | StartOutcome::NotSent => {}
        }
        outcome
    }

    async fn query_builds(&self, query: &BuildQuery) -> Observation {
        match self.provider.list(query).await {
            Ok(builds) => Observation::BuildsListed { asked_at: query.asked_at, builds },
            Err(error) => {
                warn!("ListBuildsForProject failed: {error}");
                Observation::QueryFailed(error.to_string())
            }
        }
    }

    async fn describe_build(&self, id: &BuildId) -> Observation {
        let described = describe_builds(&self.provider, std::slice::from_ref(id)).await;
        if let Some(error) = described.error_of(id) {
            return Observation::QueryFailed(error.to_owned());
        }
        match described.builds.into_iter().find(|build| build.id == *id) {
            Some(build) => Observation::BuildDescribed { build, claims_final: false },
            None => Observation::BuildMissing(id.clone()),
        }
    }

    async fn stop_build(&self, id: &BuildId) -> Option<Observation> {
        if let Err(error) = self.provider.stop(id).await {
            warn!("StopBuild failed, will retry: {error}");
        }
        None
    }

    async fn stop_duplicate_build(&self, id: &BuildId, running: bool) -> Option<Observation> {
        metrics::duplicate_build();
        error!(duplicate.build.id = %id, "duplicate build detected");
        if running { self.stop_build(id).await } else { None }
    }

    /// Resolves a ref, without a token if the repository is public.
    ///
    /// The token may have no other right than to write statuses, and must not be what breaks this call.
    async fn resolve_ref(&self, repository: &ForgeRepository, git_ref: &GitRef) -> RefResolution {
        match self.resolver.resolve_ref(repository, git_ref, None).await {
            Ok(outcome @ (RefResolution::Commit(_) | RefResolution::Unavailable(_))) => return outcome,
            Ok(RefResolution::Missing(_)) | Err(Unauthorized(_)) => {}
        }
        let token = match self.tokens.get(&self.secrets, &repository.token_secret).await {
            Ok(token) => token,
            Err(error) => return RefResolution::Unavailable(format!("the forge's token could not be read: {error}")),
        };
        match self.resolver.resolve_ref(repository, git_ref, Some(&token)).await {
            Ok(outcome) => outcome,
            Err(Unauthorized(reason)) => {
                self.tokens.invalidate(&repository.token_secret);
                RefResolution::Unavailable(format!("the forge rejected the token: {reason}"))
            }
        }
    }

    async fn report_status(
        &self,
        target: &ReportTarget,
        report: &StatusReport,
        permit: Option<Permit>,
        claimed_at: Instant,
    ) -> DeliveryOutcome {
        let (outcome, result) = self.report_with_token_refresh(target, report, claimed_at).await;
        if let Some(permit) = permit {
            permit.record(result);
        }
        match &outcome {
            DeliveryOutcome::Delivered => {}
            DeliveryOutcome::Failed { reason, .. }
            | DeliveryOutcome::Conflict(reason)
            | DeliveryOutcome::Unknown(reason) => {
                metrics::report_failed();
                let (status, forge) = (report.status, &target.to.url);
                warn!(%status, %forge, "status report failed, will retry: {reason}");
            }
            DeliveryOutcome::Undeliverable(reason) => {
                metrics::report_failed();
                let (status, forge) = (report.status, &target.to.url);
                error!(%status, %forge, "status report permanently rejected: {reason}");
            }
        }
        outcome
    }

    /// Reports with the cached token, and once more with a token that was read again.
    ///
    /// After that the row retries. Also returns what the call shows of the forge as a whole: a rejected token concerns
    /// one project, and a missing answer concerns all of them.
    async fn report_with_token_refresh(
        &self,
        target: &ReportTarget,
        report: &StatusReport,
        claimed_at: Instant,
    ) -> (DeliveryOutcome, CallResult) {
        let mut refused = String::new();
        for _ in 0..2 {
            let token = match self.tokens.get(&self.secrets, &target.to.token_secret).await {
                Ok(token) => token,
                Err(error) => {
                    let reason = format!("the forge's token could not be read: {error}");
                    return (DeliveryOutcome::Failed { reason, retry_after: None }, CallResult::Inconclusive);
                }
            };
            // Checked after the token was read, which can take long: a report whose claim has expired could overwrite
            // the final one.
            if claimed_at.elapsed() > SEND_DEADLINE {
                let reason = "the claim had run out".to_owned();
                return (DeliveryOutcome::Failed { reason, retry_after: None }, CallResult::Inconclusive);
            }
            match self.reporter.report_status(target, report, &token).await {
                Ok(outcome) => {
                    let result = match &outcome {
                        DeliveryOutcome::Delivered
                        | DeliveryOutcome::Conflict(_)
                        | DeliveryOutcome::Undeliverable(_) => CallResult::Accepted,
                        DeliveryOutcome::Unknown(_) => CallResult::Throttled(None),
                        DeliveryOutcome::Failed { retry_after, .. } => {
                            CallResult::Throttled(retry_after.map(|seconds| Duration::from_secs(seconds.into())))
                        }
                    };
                    return (outcome, result);
                }
                Err(Unauthorized(reason)) => {
                    self.tokens.invalidate(&target.to.token_secret);
                    refused = reason;
                }
            }
        }
        let reason = format!("the forge rejected the token: {refused}");
        (DeliveryOutcome::Failed { reason, retry_after: None }, CallResult::Accepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stubs::{ProviderStub, RegistryStub, ReporterStub, SecretsStub, row};

    #[tokio::test(start_paused = true)]
    async fn duplicate_build_is_stopped_only_while_it_runs() {
        let provider = ProviderStub::default();
        let calls = PortCalls::new(
            RegistryStub,
            provider.clone(),
            ReporterStub,
            ReporterStub,
            SecretsStub,
            Arc::new(PolicyCache::new(None)),
        );
        for (id, is_running) in [("demo:1", true), ("demo:2", false)] {
            let effect = Effect::StopDuplicate { build: BuildId::new(id), is_running };
            let seen = calls.execute(&row(1), &effect, &mut Permits::default(), Instant::now()).await;
            assert_eq!(seen, None);
        }
        assert_eq!(provider.stopped(), ["demo:1"]);
    }
}
