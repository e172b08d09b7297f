//! Each effect, done.

use std::time::Duration;

use doorbell_messages::{BuildId, GitRef, JobKey};
use tokio::time::Instant;
use tracing::{error, warn};

use crate::domain::{
    BuildQuery, DeliveryOutcome, DesiredState, ForgeRepository, LaunchSpec, Observation, RefResolution, ReportTarget,
    Row, SEND_DEADLINE, StartOutcome, StatusReport,
};
use crate::engine::Engine;
use crate::limiter::{CallResult, Permit};
use crate::metrics;
use crate::ports::{
    BuildProvider, InsertOutcome, JobLedger, Ports, RefResolver, StatusReporter, Unauthorized, UpdateOutcome,
};

/// Times that a cancel is tried over another worker's write.
const MAX_WRITE_CONFLICTS: usize = 8;

impl<P: Ports> Engine<P> {
    pub(crate) async fn start_build(
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
        let outcome = self.ports.provider().start(spec, token).await;
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
                error!("StartBuild is refused; the account's owner has to mend this: {reason}")
            }
            StartOutcome::Unknown(reason) => warn!("StartBuild got no clear answer: {reason}"),
            StartOutcome::Started(_) | StartOutcome::Limited(_) | StartOutcome::Invalid(_) | StartOutcome::NotSent => {}
        }
        outcome
    }

    pub(crate) async fn query_builds(&self, query: &BuildQuery) -> Observation {
        match self.ports.provider().list(query).await {
            Ok(builds) => Observation::BuildsListed { asked_at: query.asked_at, builds },
            Err(error) => {
                warn!("the builds could not be listed: {error}");
                Observation::QueryFailed(error.to_string())
            }
        }
    }

    pub(crate) async fn describe_build(&self, id: &BuildId) -> Observation {
        match self.ports.provider().describe(std::slice::from_ref(id)).await {
            Ok(builds) => match builds.into_iter().find(|build| build.id == *id) {
                Some(build) => Observation::BuildDescribed { build, claims_final: false },
                None => Observation::BuildMissing(id.clone()),
            },
            Err(error) => {
                warn!("the build could not be looked at: {error}");
                Observation::QueryFailed(error.to_string())
            }
        }
    }

    pub(crate) async fn stop_build(&self, id: &BuildId) -> Option<Observation> {
        if let Err(error) = self.ports.provider().stop(id).await {
            warn!("the build could not be stopped; it is tried again: {error}");
        }
        None
    }

    pub(crate) async fn stop_duplicate_build(&self, id: &BuildId, running: bool) -> Option<Observation> {
        metrics::duplicate_build();
        error!(second.build.id = %id, "this job has a second build");
        if running { self.stop_build(id).await } else { None }
    }

    /// Public repositories answer without a token; a token that may only flag must not be what breaks the look.
    pub(crate) async fn resolve_ref(&self, repository: &ForgeRepository, git_ref: &GitRef) -> RefResolution {
        match self.ports.resolver().resolve_ref(repository, git_ref, None).await {
            Ok(outcome @ (RefResolution::Commit(_) | RefResolution::Unavailable(_))) => return outcome,
            Ok(RefResolution::Missing(_)) | Err(Unauthorized(_)) => {}
        }
        let token = match self.tokens.get(self.ports.secrets(), &repository.token_secret).await {
            Ok(token) => token,
            Err(error) => return RefResolution::Unavailable(format!("the forge's token could not be read: {error}")),
        };
        match self.ports.resolver().resolve_ref(repository, git_ref, Some(&token)).await {
            Ok(outcome) => outcome,
            Err(Unauthorized(reason)) => {
                self.tokens.invalidate(&repository.token_secret);
                RefResolution::Unavailable(format!("the forge does not take the token: {reason}"))
            }
        }
    }

    pub(crate) async fn report_status(
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
                warn!(status = %report.status, forge = %target.to.url, "the forge was not told: {reason}");
            }
            DeliveryOutcome::Undeliverable(reason) => {
                metrics::report_failed();
                error!(status = %report.status, forge = %target.to.url, "the forge can't be told: {reason}");
            }
        }
        outcome
    }

    /// A token that was rotated is read afresh once; then the retries of the row take over. Also what it shows of the
    /// forge as a whole: a token that is not taken is one project's trouble, no answer is everybody's.
    async fn report_with_token_refresh(
        &self,
        target: &ReportTarget,
        report: &StatusReport,
        claimed_at: Instant,
    ) -> (DeliveryOutcome, CallResult) {
        let mut refused = String::new();
        for _ in 0..2 {
            let token = match self.tokens.get(self.ports.secrets(), &target.to.token_secret).await {
                Ok(token) => token,
                Err(error) => {
                    let reason = format!("the forge's token could not be read: {error}");
                    return (DeliveryOutcome::Failed { reason, retry_after: None }, CallResult::Inconclusive);
                }
            };
            // Asked here and not before: reading a token can take long, and a status that is told after its claim has
            // run out could arrive over the final one.
            if claimed_at.elapsed() > SEND_DEADLINE {
                let reason = "the claim had run out".to_owned();
                return (DeliveryOutcome::Failed { reason, retry_after: None }, CallResult::Inconclusive);
            }
            match self.ports.reporter().report_status(target, report, &token).await {
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
        let reason = format!("the forge does not take the token: {refused}");
        (DeliveryOutcome::Failed { reason, retry_after: None }, CallResult::Accepted)
    }

    /// Marks the job that a cancel request means. If its start has not arrived yet (queues reorder), a row that is to
    /// be canceled waits for it.
    pub(crate) async fn record_cancel(&self, request_row: &Row, key: &JobKey) -> Observation {
        let no_answer = || Observation::QueryFailed("the ledger did not answer".to_owned());
        for _ in 0..MAX_WRITE_CONFLICTS {
            let Some(now) = crate::ports::Clock::now(self.ports.clock()) else { return no_answer() };
            let row = match self.ports.ledger().load(std::slice::from_ref(key)).await.pop() {
                Some(Ok(row)) => row,
                Some(Err(error)) => return Observation::QueryFailed(error.to_string()),
                None => return no_answer(),
            };
            let Some(row) = row else {
                let mut request = request_row.request.clone();
                request.action = doorbell_messages::RequestAction::Start;
                let mut row = Row::new(key.clone(), request, request_row.message.clone(), now);
                row.desired = DesiredState::Cancel;
                row.writer = self.signature();
                match self.insert(std::slice::from_ref(&row)).await.pop() {
                    Some(Ok(InsertOutcome::Inserted)) => {
                        Box::pin(self.drive(row, Observation::Due)).await;
                        return Observation::CancelRecorded;
                    }
                    Some(Ok(InsertOutcome::AlreadyExists)) => continue,
                    Some(Err(_)) | None => return no_answer(),
                }
            };
            let Some(row) = row.with_cancel_requested(now, "a request asks to cancel the job", self.signature()) else {
                return Observation::CancelRecorded;
            };
            match self.ports.ledger().update(std::slice::from_ref(&row)).await.pop() {
                Some(Ok(UpdateOutcome::Written)) => {
                    Box::pin(self.drive(row, Observation::Due)).await;
                    return Observation::CancelRecorded;
                }
                Some(Ok(UpdateOutcome::Conflict)) => {}
                Some(Err(_)) | None => return no_answer(),
            }
        }
        no_answer()
    }
}
