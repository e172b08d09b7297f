//! Transitions of `accepted` and `starting`: claim a start call and handle its outcome.

use std::time::Duration;

use doorbell_messages::Status;
use doorbell_registry::OnUnknownStart;

use super::Transition;
use crate::domain::backoff;
use crate::domain::config::{LEASE, SEARCH_INTERVAL};
use crate::domain::effect::Effect;
use crate::domain::launch::Launch;
use crate::domain::observation::StartOutcome;
use crate::domain::phase::Phase;
use crate::domain::provider_build::{ProviderBuild, one_line};
use crate::domain::row::{DeniedStart, DesiredState};
use crate::domain::timestamp::Timestamp;
use crate::domain::trail::TrailKind;

impl Transition<'_> {
    pub(super) fn try_start(&mut self) {
        let Phase::Accepted { waiting, turn, .. } = &self.row.phase else { return };
        if self.row.desired == DesiredState::Cancel {
            return self.finish_without_build(Status::Canceled, "canceled before it started".to_owned());
        }
        if self.row.age(self.now) > self.config.queue_timeout {
            let turn = turn.as_ref().map(ToString::to_string);
            let why = turn.or(waiting.clone()).unwrap_or_else(|| "no build could be started".to_owned());
            return self.finish_without_build(Status::Error, format!("waited too long for a build: {why}"));
        }
        if !self.row.order().is_parallel() {
            // Before each claim of an attempt's first send: a claim without a turn could overtake another job.
            return self.effects.push(Effect::TakeTurn);
        }
        self.start_with_slot();
    }

    /// Claims the start of an accepted job if there may be a slot.
    pub(super) fn start_with_slot(&mut self) {
        let Phase::Accepted { launch, attempt, .. } = &self.row.phase else { return };
        if !self.context.slot_available {
            // The worker that frees a slot wakes the job; this due time is for the case that none does.
            self.row.tries += 1;
            self.row.phase_due_at =
                Some(self.now + backoff::PROVIDER_LIMIT.delay(self.row.key.as_str(), self.row.tries));
            return;
        }
        let (launch, attempt) = (launch.clone(), *attempt);
        self.claim_start(launch, attempt, self.now, 1);
    }

    pub(super) fn resend_start(&mut self) {
        let Phase::Starting { launch, attempt, first_sent_at, start_calls, .. } = &self.row.phase else { return };
        let (launch, attempt, first_sent_at, start_calls) = (launch.clone(), *attempt, *first_sent_at, *start_calls);
        self.claim_start(launch, attempt, first_sent_at, start_calls + 1);
    }

    /// Claims a start call.
    ///
    /// A crash after this row's write and before the call leaves an unused claim. At its due time the same token is
    /// sent, which starts the build or returns the one that a lost reply hid.
    pub(super) fn claim_start(
        &mut self,
        launch: Box<Launch>,
        attempt: u32,
        first_sent_at: Timestamp,
        start_calls: u32,
    ) {
        self.effects.push(Effect::StartBuild {
            spec: launch.spec.clone(),
            attempt,
            token: self.config.installation.idempotency_token(&self.row.key, attempt),
        });
        self.row.phase = Phase::Starting { launch, attempt, first_sent_at, last_sent_at: self.now, start_calls };
        self.row.phase_due_at = Some(self.now + LEASE);
    }

    pub(super) fn on_start_attempted(&mut self, of_attempt: u32, outcome: StartOutcome) {
        if let StartOutcome::Started(build) = &outcome {
            return self.reconcile_build(build);
        }
        let Phase::Starting { attempt, start_calls, .. } = &self.row.phase else { return };
        if *attempt != of_attempt {
            // The outcome of an abandoned token says nothing about the one that is in doubt now.
            return;
        }
        // While an earlier call with the same token is in doubt, an error says nothing about that one.
        let is_only_call = *start_calls == 1;
        match outcome {
            StartOutcome::Started(_) => {}
            StartOutcome::Limited(reason) | StartOutcome::Throttled(reason) if is_only_call => {
                self.requeue(&reason, backoff::PROVIDER_LIMIT)
            }
            StartOutcome::Denied(reason) if is_only_call => self.return_to_received(&reason),
            StartOutcome::NotSent if is_only_call => self.requeue("the call was not made", backoff::UNKNOWN_START),
            StartOutcome::Invalid(reason) if is_only_call => {
                let text = format!("the provider refused the build: {}", one_line(&reason));
                self.finish_without_build(Status::Error, text);
            }
            StartOutcome::Limited(reason)
            | StartOutcome::Throttled(reason)
            | StartOutcome::Denied(reason)
            | StartOutcome::Invalid(reason)
            | StartOutcome::Unknown(reason) => {
                self.retry_unknown_start(&reason);
            }
            StartOutcome::NotSent => self.retry_unknown_start("the call was not made"),
        }
    }

    /// Lets the registry be read again, and the launch be frozen anew: the owner may have renamed a build project.
    ///
    /// Only where no start call is in doubt: a build that is found later must be one of this launch.
    fn return_to_received(&mut self, reason: &str) {
        self.requeue(reason, backoff::DEPENDENCY);
        if self.row.start_in_doubt {
            return;
        }
        let Phase::Accepted { launch, attempt, waiting, .. } = &self.row.phase else { return };
        let denied = DeniedStart {
            launch: launch.clone(),
            attempt: attempt - 1,
            tries: self.row.tries,
            reason: waiting.clone().unwrap_or_default(),
        };
        self.row.denied_start = Some(Box::new(denied));
        self.row.phase = Phase::Received;
    }

    /// Waits for the next start call, with a new token: there is definitely no build under this one.
    pub(super) fn requeue(&mut self, reason: &str, backoff: backoff::Backoff) {
        let Phase::Starting { launch, attempt, .. } = &self.row.phase else { return };
        let (launch, attempt) = (launch.clone(), attempt + 1);
        if self.row.desired == DesiredState::Cancel {
            return self.finish_without_build(Status::Canceled, "canceled before it started".to_owned());
        }
        self.row.tries += 1;
        if self.row.tries == 1 {
            self.row.record(self.now, TrailKind::Waiting, format!("waiting for a build: {}", one_line(reason)));
        }
        self.row.phase = Phase::Accepted { launch, attempt, waiting: Some(one_line(reason)), turn: None };
        self.row.phase_due_at = Some(self.now + backoff.delay(self.row.key.as_str(), self.row.tries));
    }

    pub(super) fn retry_unknown_start(&mut self, reason: &str) {
        self.row.tries += 1;
        if self.row.tries == 1 {
            let message = format!("start outcome unknown: {}", one_line(reason));
            self.row.record(self.now, TrailKind::StartUnknown, message);
        }
        self.row.phase_due_at = Some(self.now + backoff::UNKNOWN_START.delay(self.row.key.as_str(), self.row.tries));
    }

    pub(super) fn on_builds_listed(&mut self, asked_at: Timestamp, builds: Vec<ProviderBuild>) {
        let Phase::Starting { launch, attempt, last_sent_at, .. } = &self.row.phase else { return };
        let (launch, attempt, last_sent_at) = (launch.clone(), *attempt, *last_sent_at);
        let mut own_builds: Vec<ProviderBuild> = builds.into_iter().filter(|build| self.is_own_build(build)).collect();
        own_builds.sort_by_key(|build| (build.number.unwrap_or(i64::MAX), build.started_at));
        if !own_builds.is_empty() {
            // The first is adopted; `reconcile_build` stops each other one as a duplicate.
            own_builds.iter().for_each(|build| self.reconcile_build(build));
            return;
        }
        let confirmed_at = last_sent_at + self.config.provider.absence_confirmed_after;
        if asked_at < confirmed_at {
            self.row.phase_due_at =
                Some((self.now + SEARCH_INTERVAL).min(confirmed_at.max(self.now + Duration::from_secs(1))));
            return;
        }
        self.row.start_in_doubt = true;
        match launch.on_unknown_start {
            OnUnknownStart::Retry => {
                self.row.record(self.now, TrailKind::StartRepeated, "no build found; starting again");
                let again = Phase::Accepted { launch, attempt: attempt + 1, waiting: None, turn: None };
                self.row.enter_phase(again, Some(self.now));
                self.try_start();
            }
            OnUnknownStart::Stop => {
                let text = "unknown whether it started: a person decides (onUnknownStart is stop)".to_owned();
                self.finish_without_build(Status::Error, text);
            }
        }
    }
}
