//! Executes one effect: one call to the registry, the provider or the forge.

use std::future::Future;
use std::sync::Arc;

use doorbell_messages::{BuildId, DoneEvent};
use tokio::time::Instant;
use tracing::{error, warn};

use crate::admission::Permits;
use crate::describe::describe_builds;
use crate::domain::{
    BuildQuery, Effect, LaunchSpec, Observation, PolicyLookup, PublishOutcome, Row, SEND_DEADLINE, StartOutcome,
    Timestamp,
};
use crate::forge_calls::ForgeCalls;
use crate::limiter::{CallResult, Permit};
use crate::metrics;
use crate::policy_cache::PolicyCache;
use crate::ports::{BuildProvider, DoneEventPublisher, RefResolver, SecretStore, StatusReporter};

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
pub(crate) struct PortCalls<B, D, F, H, S> {
    provider: B,
    done_events: D,
    forges: ForgeCalls<F, H, S>,
    policies: Arc<PolicyCache>,
}

impl<B, D, F, H, S> EffectExecutor for PortCalls<B, D, F, H, S>
where
    B: BuildProvider + 'static,
    D: DoneEventPublisher + 'static,
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
            Effect::ReadPolicy => Some(Observation::PolicyRead(self.read_policy(row))),
            Effect::ResolveRef { policy, build_project, repository, git_ref } => Some(Observation::RefResolved {
                policy: policy.clone(),
                build_project: build_project.clone(),
                resolution: self.forges.resolve_ref(repository, git_ref, permits.forge.take()).await,
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
                let outcome = self.forges.report_status(target, report, permits.forge.take(), claimed_at).await;
                Some(Observation::ReportAttempted { entry: *entry, claim: *claim, outcome })
            }
            Effect::PublishDoneEvent { event, claim } => Some(self.publish(event, *claim, permits.topic.take()).await),
            // The driver executes these: they write other rows, or items of an order or an hour.
            Effect::PromoteRepeat(_)
            | Effect::CancelSeries(_)
            | Effect::TakeTurn
            | Effect::ReleaseTurn(_)
            | Effect::CountJob { .. } => None,
        }
    }
}

impl<B: BuildProvider, D: DoneEventPublisher, F, H, S> PortCalls<B, D, F, H, S> {
    pub(crate) fn new(provider: B, done_events: D, forges: ForgeCalls<F, H, S>, policies: Arc<PolicyCache>) -> Self {
        Self { provider, done_events, forges, policies }
    }

    /// Publishes a done event. A call without a permit is not made: only a defect leads to one.
    async fn publish(&self, event: &DoneEvent, claim: Timestamp, permit: Option<Permit>) -> Observation {
        let outcome = match permit {
            Some(permit) => {
                let called_at = Instant::now();
                let outcome = self.done_events.publish(event).await;
                permit.record(match &outcome {
                    PublishOutcome::Published => CallResult::Accepted(Some(called_at.elapsed())),
                    PublishOutcome::Failed(_) | PublishOutcome::Refused(_) => CallResult::Throttled(None),
                });
                outcome
            }
            None => PublishOutcome::Failed("the worker has no permit to call the topic".to_owned()),
        };
        match &outcome {
            PublishOutcome::Published => {}
            PublishOutcome::Failed(reason) => {
                metrics::done_event_failed();
                warn!("done event failed, will retry: {reason}");
            }
            PublishOutcome::Refused(reason) => {
                metrics::done_event_failed();
                error!("done event refused; check the topic and the worker's IAM role: {reason}");
            }
        }
        Observation::DoneEventSent { claim, outcome }
    }

    /// The policy as this worker knows it. A job whose policy is not read yet holds no place until it is called.
    fn read_policy(&self, row: &Row) -> PolicyLookup {
        let project = &row.request.project;
        let lookup = self.policies.peek(project, row.received_at);
        if matches!(lookup, PolicyLookup::Pending { .. }) {
            self.policies.wait_for(project, &row.key, row.received_at);
        }
        lookup
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
                StartOutcome::Started(_) => CallResult::Accepted(None),
                StartOutcome::Limited(_) => CallResult::Throttled(None),
                StartOutcome::Throttled(_) => CallResult::TooFast,
                StartOutcome::Denied(_)
                | StartOutcome::Invalid(_)
                | StartOutcome::Unknown(_)
                | StartOutcome::NotSent => CallResult::Inconclusive,
            });
        }
        match &outcome {
            StartOutcome::Denied(reason) => {
                metrics::start_refused();
                error!("StartBuild denied; check the worker's IAM role and the build project: {reason}")
            }
            StartOutcome::Invalid(reason) => {
                metrics::start_refused();
                error!("StartBuild rejected as invalid; check the build project and the registry: {reason}")
            }
            StartOutcome::Unknown(reason) => warn!("StartBuild outcome unknown: {reason}"),
            StartOutcome::Started(_)
            | StartOutcome::Limited(_)
            | StartOutcome::Throttled(_)
            | StartOutcome::NotSent => {}
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stubs::{ProviderStub, ReporterStub, SecretsStub, TopicStub, row};

    #[tokio::test(start_paused = true)]
    async fn duplicate_build_is_stopped_only_while_it_runs() {
        let provider = ProviderStub::default();
        let calls = PortCalls::new(
            provider.clone(),
            TopicStub,
            ForgeCalls::new(ReporterStub, ReporterStub, SecretsStub),
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
