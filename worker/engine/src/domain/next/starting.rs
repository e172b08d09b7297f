//! Claim a send or end without one; and what came of the send?

use std::time::Duration;

use doorbell_messages::Status;
use doorbell_registry::OnUnknownStart;

use super::Job;
use crate::domain::backoff;
use crate::domain::launch::Launch;
use crate::domain::outcome::{ProviderBuild, one_line};
use crate::domain::row::{Phase, Wanted};
use crate::domain::rules::{LEASE, SEARCH_AGAIN, SEARCH_BELIEVED};
use crate::domain::sight::{Act, SendSeen};
use crate::domain::timestamp::Timestamp;

impl Job<'_> {
    pub(super) fn start_or_end(&mut self) {
        let Phase::Accepted { launch, attempt, waiting } = &self.row.phase else { return };
        let target = launch.target.clone();
        if self.row.wanted == Wanted::Cancel {
            return self.finish(Status::Canceled, "canceled before it started".to_owned(), None, target);
        }
        if self.row.age(self.now) > self.rules.queue_timeout {
            let why = waiting.clone().unwrap_or_else(|| "no build could be started".to_owned());
            return self.finish(Status::Error, format!("waited too long for a build: {why}"), None, target);
        }
        if !self.pool_open {
            // Whoever learns of a free place wakes it; this is for the case that nobody does.
            self.row.tries += 1;
            self.row.phase_due = Some(self.now + backoff::LIMIT.wait(self.row.key.as_str(), self.row.tries));
            return;
        }
        let (launch, attempt) = (launch.clone(), *attempt);
        self.claim_send(launch, attempt, self.now, 1);
    }

    pub(super) fn send_again(&mut self) {
        let Phase::Starting { launch, attempt, first_sent_at, sends, .. } = &self.row.phase else { return };
        let (launch, attempt, first_sent_at, sends) = (launch.clone(), *attempt, *first_sent_at, *sends);
        self.claim_send(launch, attempt, first_sent_at, sends + 1);
    }

    /// A crash after this row's write and before the send leaves a claim that nobody uses: at its due time the same
    /// token is sent, which starts the build or returns the one that a lost reply hid.
    pub(super) fn claim_send(&mut self, launch: Box<Launch>, attempt: u32, first_sent_at: Timestamp, sends: u32) {
        self.acts.push(Act::StartBuild {
            input: launch.input.clone(),
            attempt,
            token: self.rules.deployment.token(&self.row.key, attempt),
            build_project: launch.build_project.clone(),
        });
        self.row.phase = Phase::Starting { launch, attempt, first_sent_at, last_sent_at: self.now, sends };
        self.row.phase_due = Some(self.now + LEASE);
    }

    pub(super) fn sent(&mut self, of_attempt: u32, answer: SendSeen) {
        if let SendSeen::Started(build) = &answer {
            return self.meet(build);
        }
        let Phase::Starting { launch, attempt, sends, .. } = &self.row.phase else { return };
        if *attempt != of_attempt {
            // About a token that was given up: it says nothing about the one that is in doubt now.
            return;
        }
        let target = launch.target.clone();
        // With an earlier send of the same token in doubt, a refusal says nothing about that one.
        let is_only_send = *sends == 1;
        match answer {
            SendSeen::Started(_) => {}
            SendSeen::Limited(reason) if is_only_send => self.back_to_waiting(&reason, backoff::LIMIT),
            SendSeen::Refused(reason) if is_only_send => self.back_to_waiting(&reason, backoff::WORLD),
            SendSeen::NotSent if is_only_send => self.back_to_waiting("the claim had run out", backoff::REPEAT),
            SendSeen::Invalid(reason) if is_only_send => {
                self.finish(
                    Status::Error,
                    format!("the provider refused the build: {}", one_line(&reason)),
                    None,
                    target,
                );
            }
            SendSeen::Limited(reason)
            | SendSeen::Refused(reason)
            | SendSeen::Invalid(reason)
            | SendSeen::Unknown(reason) => {
                self.still_unknown(&reason);
            }
            SendSeen::NotSent => self.still_unknown("the claim had run out"),
        }
    }

    /// Definitely no build under this token: the next send takes another one.
    pub(super) fn back_to_waiting(&mut self, reason: &str, waits: backoff::Backoff) {
        let Phase::Starting { launch, attempt, .. } = &self.row.phase else { return };
        let (launch, attempt) = (launch.clone(), attempt + 1);
        if self.row.wanted == Wanted::Cancel {
            return self.finish(Status::Canceled, "canceled before it started".to_owned(), None, launch.target);
        }
        self.row.tries += 1;
        if self.row.tries == 1 {
            self.row.note(self.now, format!("waiting for a build: {}", one_line(reason)));
        }
        self.row.phase = Phase::Accepted { launch, attempt, waiting: Some(one_line(reason)) };
        self.row.phase_due = Some(self.now + waits.wait(self.row.key.as_str(), self.row.tries));
    }

    pub(super) fn still_unknown(&mut self, reason: &str) {
        self.row.tries += 1;
        if self.row.tries == 1 {
            self.row.note(self.now, format!("it is not known whether a build started: {}", one_line(reason)));
        }
        self.row.phase_due = Some(self.now + backoff::REPEAT.wait(self.row.key.as_str(), self.row.tries));
    }

    pub(super) fn searched(&mut self, asked_at: Timestamp, builds: Vec<ProviderBuild>) {
        let Phase::Starting { launch, attempt, last_sent_at, .. } = &self.row.phase else { return };
        let (launch, attempt, last_sent_at) = (launch.clone(), *attempt, *last_sent_at);
        let mut ours: Vec<ProviderBuild> = builds.into_iter().filter(|build| self.is_ours(build)).collect();
        ours.sort_by_key(|build| (build.number.unwrap_or(i64::MAX), build.started_at));
        if !ours.is_empty() {
            // The first is adopted; `meet` stops every other as a second build.
            ours.iter().for_each(|build| self.meet(build));
            return;
        }
        if asked_at.since(last_sent_at) < SEARCH_BELIEVED {
            let believed_at = last_sent_at + SEARCH_BELIEVED;
            self.row.phase_due =
                Some((self.now + SEARCH_AGAIN).min(believed_at.max(self.now + Duration::from_secs(1))));
            return;
        }
        match launch.on_unknown_start {
            OnUnknownStart::Retry => {
                self.row.note(self.now, "no build is to be seen: starting again");
                self.row.enter(Phase::Accepted { launch, attempt: attempt + 1, waiting: None }, Some(self.now));
                self.start_or_end();
            }
            OnUnknownStart::Stop => {
                let text = "unknown whether it started: a person decides (onUnknownStart is stop)".to_owned();
                self.finish(Status::Error, text, None, launch.target);
            }
        }
    }
}
