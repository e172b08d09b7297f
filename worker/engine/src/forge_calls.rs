//! Calls of forges. Each takes a permit of its destination, which shows the limiter how the call went.

use std::time::Duration;

use doorbell_messages::GitRef;
use tokio::time::Instant;
use tracing::{error, warn};

use crate::domain::{DeliveryOutcome, ForgeRepository, RefResolution, ReportTarget, SEND_DEADLINE, StatusReport};
use crate::limiter::{CallResult, Permit};
use crate::metrics;
use crate::ports::{RefResolver, SecretStore, StatusReporter, Unauthorized};
use crate::token_cache::TokenCache;

/// The reason of a call that was not made. Only a defect leads to one: the decision that needs a call acquires its permit.
const NO_PERMIT: &str = "the worker has no permit to call the forge";

/// The only way of the worker to a forge. No call is made without a permit.
#[derive(Debug)]
pub(crate) struct ForgeCalls<F, H, S> {
    reporter: F,
    resolver: H,
    secrets: S,
    tokens: TokenCache,
}

impl<F, H, S> ForgeCalls<F, H, S> {
    pub(crate) fn new(reporter: F, resolver: H, secrets: S) -> Self {
        Self { reporter, resolver, secrets, tokens: TokenCache::new() }
    }
}

impl<F: StatusReporter, H: RefResolver, S: SecretStore> ForgeCalls<F, H, S> {
    /// Resolves a ref.
    pub(crate) async fn resolve_ref(
        &self,
        repository: &ForgeRepository,
        git_ref: &GitRef,
        permit: Option<Permit>,
    ) -> RefResolution {
        let Some(permit) = permit else {
            error!(forge = %repository.url, "{NO_PERMIT}");
            return RefResolution::Unavailable(NO_PERMIT.to_owned());
        };
        let (resolution, result) = self.resolve_with_token_if_needed(repository, git_ref).await;
        permit.record(result);
        resolution
    }

    /// Resolves a ref, without a token if the repository is public.
    ///
    /// The token may have no other right than to write statuses, and must not be what breaks this call. Also returns what
    /// the call shows of the forge as a whole: an answer that concerns one repository says nothing against the others.
    async fn resolve_with_token_if_needed(
        &self,
        repository: &ForgeRepository,
        git_ref: &GitRef,
    ) -> (RefResolution, CallResult) {
        let called_at = Instant::now();
        match self.resolver.resolve_ref(repository, git_ref, None).await {
            Ok(RefResolution::Missing(_)) | Err(Unauthorized(_)) => {}
            Ok(resolution) => {
                let result = call_result(&resolution, called_at);
                return (resolution, result);
            }
        }
        let token = match self.tokens.get(&self.secrets, &repository.token_secret).await {
            Ok(token) => token,
            Err(error) => {
                let reason = format!("the forge's token could not be read: {error}");
                return (RefResolution::Unavailable(reason), CallResult::Accepted(None));
            }
        };
        let called_at = Instant::now();
        match self.resolver.resolve_ref(repository, git_ref, Some(&token)).await {
            Ok(resolution) => {
                let result = call_result(&resolution, called_at);
                (resolution, result)
            }
            Err(Unauthorized(reason)) => {
                self.tokens.invalidate(&repository.token_secret);
                let reason = format!("the forge rejected the token: {reason}");
                (RefResolution::Unavailable(reason), CallResult::Accepted(None))
            }
        }
    }

    /// Reports a status.
    pub(crate) async fn report_status(
        &self,
        target: &ReportTarget,
        report: &StatusReport,
        permit: Option<Permit>,
        claimed_at: Instant,
    ) -> DeliveryOutcome {
        let outcome = match permit {
            Some(permit) => {
                let (outcome, result) = self.report_with_token_refresh(target, report, claimed_at).await;
                permit.record(result);
                outcome
            }
            None => DeliveryOutcome::Failed { reason: NO_PERMIT.to_owned(), retry_after: None },
        };
        log_outcome(target, report, &outcome);
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
            let called_at = Instant::now();
            match self.reporter.report_status(target, report, &token).await {
                Ok(outcome) => {
                    let result = match &outcome {
                        DeliveryOutcome::Delivered
                        | DeliveryOutcome::Conflict(_)
                        | DeliveryOutcome::Undeliverable(_) => CallResult::Accepted(Some(called_at.elapsed())),
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
        (DeliveryOutcome::Failed { reason, retry_after: None }, CallResult::Accepted(None))
    }
}

/// What a lookup shows of the forge as a whole.
fn call_result(resolution: &RefResolution, called_at: Instant) -> CallResult {
    match resolution {
        RefResolution::Commit(_) | RefResolution::Missing(_) | RefResolution::Unclear(_) => {
            CallResult::Accepted(Some(called_at.elapsed()))
        }
        RefResolution::Unavailable(_) => CallResult::Throttled(None),
    }
}

fn log_outcome(target: &ReportTarget, report: &StatusReport, outcome: &DeliveryOutcome) {
    let (status, forge) = (report.status, &target.to.url);
    match outcome {
        DeliveryOutcome::Delivered => {}
        DeliveryOutcome::Failed { reason, .. }
        | DeliveryOutcome::Conflict(reason)
        | DeliveryOutcome::Unknown(reason) => {
            metrics::report_failed();
            warn!(%status, %forge, "status report failed, will retry: {reason}");
        }
        DeliveryOutcome::Undeliverable(reason) => {
            metrics::report_failed();
            error!(%status, %forge, "status report permanently rejected: {reason}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use secrecy::SecretString;

    use super::*;
    use crate::domain::Admission;
    use crate::limiter::{ConcurrencyLimiter, LimiterConfig};
    use crate::stubs::{ReporterStub, SecretsStub};

    /// A resolver that counts its calls and gives one answer.
    #[derive(Debug, Clone)]
    struct Resolver(Arc<AtomicU32>, RefResolution);

    impl RefResolver for Resolver {
        async fn resolve_ref(
            &self,
            _: &ForgeRepository,
            _: &GitRef,
            _: Option<&SecretString>,
        ) -> Result<RefResolution, Unauthorized> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(self.1.clone())
        }
    }

    const LIMITER: LimiterConfig = LimiterConfig {
        initial_limit: 4,
        max_limit: 16,
        trip_after: 4,
        initial_cooldown: Duration::from_secs(2),
        max_cooldown: Duration::from_secs(300),
        kept_windows: 4,
    };

    fn repository() -> ForgeRepository {
        ForgeRepository {
            kind: doorbell_registry::ForgeKind::Pagure,
            url: "https://forge.example".parse().unwrap(),
            repo: "demo".parse().unwrap(),
            token_secret: "forge/demo".parse().unwrap(),
            username: "Doorbell".to_owned(),
        }
    }

    fn calls(answer: RefResolution) -> (ForgeCalls<ReporterStub, Resolver, SecretsStub>, Arc<AtomicU32>) {
        let count = Arc::new(AtomicU32::new(0));
        (ForgeCalls::new(ReporterStub, Resolver(Arc::clone(&count), answer), SecretsStub), count)
    }

    #[tokio::test]
    async fn forge_is_not_called_without_a_permit() {
        let (forges, count) = calls(RefResolution::Unclear(String::new()));
        let git_ref = GitRef::Branch("main".parse().unwrap());
        let resolution = forges.resolve_ref(&repository(), &git_ref, None).await;
        assert!(matches!(resolution, RefResolution::Unavailable(_)));
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn only_unanswered_lookups_close_the_forge() {
        for (answer, is_closed) in [
            (RefResolution::Unclear("no head yet".to_owned()), false),
            (RefResolution::Missing("no such ref".to_owned()), false),
            (RefResolution::Unavailable("timeout".to_owned()), true),
        ] {
            let (forges, _) = calls(answer.clone());
            let limiter = ConcurrencyLimiter::new(LIMITER);
            let git_ref = GitRef::Branch("main".parse().unwrap());
            for _ in 0..4 {
                let permit = limiter.try_acquire("forge").unwrap();
                forges.resolve_ref(&repository(), &git_ref, Some(permit)).await;
            }
            let next = limiter.try_acquire("forge").err();
            assert_eq!(next, is_closed.then_some(Admission::Closed), "{answer:?}");
        }
    }
}
