//! What of a state decides what can follow from it. Times are relative to now: no decision depends on what day it is. Every field
//! is named, so that a new one has to be thought about here.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::model::{DelayedCall, Model, ModelBuild, ModelWorker};
use super::worker_model::{PendingEffects, PendingWrite, WorkerState};
use crate::domain::{
    Effect, NotificationState, Observation, Phase, ProviderBuild, Receipt, Row, SEND_DEADLINE, StartOutcome, StatusAt,
    Timestamp,
};

/// The longest age of a request that a decision depends on within the hours of this model: when "queued" is reported.
const MAX_TRACKED_AGE: Duration = Duration::from_secs(11);

/// From here on a claim may not be used, and nothing else is asked of its age.
const CLAIM_EXPIRED_AFTER: Duration = Duration::from_millis(SEND_DEADLINE.as_millis() as u64 + 1);

pub(super) fn fingerprint(model: &Model) -> u64 {
    let Model {
        faults,
        knows_policy,
        now,
        row,
        message_copies: copies,
        builds,
        is_complete,
        flag,
        final_reported: is_told,
        delayed,
        workers,
        violation: broken,
    } = model;
    let mut fingerprint = Fingerprint { hasher: DefaultHasher::new(), now: *now };
    fingerprint.add((
        faults,
        knows_policy,
        copies,
        is_complete,
        flag.map(|flag| flag.as_str()),
        is_told,
        broken,
        row.is_some(),
    ));
    if let Some(row) = row {
        fingerprint.row(row);
    }
    for ModelBuild { token, at } in builds {
        fingerprint.add(token);
        fingerprint.time(*at);
    }
    match delayed {
        Some(DelayedCall::Start { token, until }) => {
            fingerprint.add((1, token));
            fingerprint.time(*until);
        }
        Some(DelayedCall::Flag { status, until }) => {
            fingerprint.add((2, status.as_str()));
            fingerprint.time(*until);
        }
        None => fingerprint.add(0),
    }
    // It is the same whichever of the two workers it is.
    let mut workers = workers.each_ref().map(|worker| worker_fingerprint(model, worker));
    workers.sort_unstable();
    fingerprint.add(workers);
    fingerprint.hasher.finish()
}

fn worker_fingerprint(model: &Model, worker: &ModelWorker) -> u64 {
    let ModelWorker { state, is_paused, kept } = worker;
    let mut fingerprint = Fingerprint { hasher: DefaultHasher::new(), now: model.now };
    fingerprint.add((is_paused, std::mem::discriminant(state)));
    let current = model.row.as_ref();
    // One whose claim the row does not have any more is never used.
    let claimed = current.and_then(|row| row.reports.first()).and_then(|entry| entry.notification.in_flight);
    if let Some(Receipt { entry, claim, delivered_at: _ }) = kept.filter(|receipt| claimed == Some(receipt.claim)) {
        fingerprint.add(entry);
        fingerprint.status_at(Some(claim));
    }
    match state {
        WorkerState::Idle => {}
        WorkerState::Write(write) => {
            fingerprint.write(write, current.map_or(0, |row| row.rev) + 1 == write.next_row().rev)
        }
        WorkerState::Reread(write) => fingerprint.write(write, current.is_some_and(|row| write.produced(row))),
        WorkerState::Ack(claim) | WorkerState::Execute(claim) => {
            fingerprint.add(current.is_some_and(|row| row.rev == claim.row.rev));
            fingerprint.claim(claim);
        }
    }
    fingerprint.hasher.finish()
}

struct Fingerprint {
    hasher: DefaultHasher,
    now: Timestamp,
}

impl Fingerprint {
    fn add(&mut self, what: impl Hash) {
        what.hash(&mut self.hasher);
    }

    fn time(&mut self, at: Timestamp) {
        self.add(at.as_millis() - self.now.as_millis());
    }

    fn times<const N: usize>(&mut self, all: [Option<Timestamp>; N]) {
        for at in all {
            self.add(at.is_some());
            if let Some(at) = at {
                self.time(at);
            }
        }
    }

    fn row(&mut self, row: &Row) {
        let Row {
            received_at,
            desired,
            phase,
            phase_due_at,
            tries,
            reports,
            start_in_doubt,
            denied_start,
            settled_at,
            crash_score,
            quarantined,
            repeat,
            canceled_at,
            // The same in every state, or only for people.
            key: _,
            rev: _,
            writer: _,
            request: _,
            message: _,
            trail: _,
            // Not used by the decisions on this row: this model has no topic, and no series.
            done_event: _,
            series: _,
            followed_by: _,
            series_canceled_at: _,
            stages: _,
        } = row;
        self.time((*received_at).max(self.now - MAX_TRACKED_AGE));
        self.add((*desired as u8, tries, start_in_doubt, settled_at.is_some(), crash_score, quarantined.is_some()));
        self.times([repeat.as_ref().map(|repeat| repeat.sent_at), *canceled_at]);
        // What is due is due, since whenever.
        self.times([phase_due_at.map(|due| due.max(self.now))]);
        self.phase(phase);
        self.add(denied_start.as_ref().map(|denied| (denied.attempt, denied.tries)));
        self.add(reports.len());
        reports.iter().for_each(|entry| self.notification(&entry.notification));
    }

    /// Launches and builds are the same in all states.
    fn phase(&mut self, phase: &Phase) {
        self.add(std::mem::discriminant(phase));
        match phase {
            Phase::Received => {}
            // The order of the ref has a search of its own.
            Phase::Accepted { launch: _, attempt, waiting, turn: _ } => self.add((attempt, waiting)),
            Phase::Starting { launch: _, attempt, first_sent_at, last_sent_at, start_calls } => {
                self.add((attempt, start_calls));
                self.times([Some(*first_sent_at), Some(*last_sent_at)]);
            }
            Phase::Running { launch: _, build: _, running_since, missing_since } => {
                self.times([Some(*running_since), *missing_since])
            }
            // Its time counts only after days.
            Phase::Finished { result, build, not_older_than: _ } => {
                self.add((
                    result.status.as_str(),
                    &result.message,
                    result.command_ran.map(|ran| ran as u8),
                    build.is_some(),
                ));
            }
            Phase::Rejected { kind: _, reason, at: _ } => self.add(reason),
        }
    }

    fn notification(&mut self, notification: &NotificationState) {
        let NotificationState {
            in_flight,
            delivered,
            stale_possible,
            stale_since,
            final_resent,
            tries,
            conflicts,
            undeliverable,
            not_before,
            due_at: due,
        } = notification;
        self.status_at(*in_flight);
        // The time of a delivery counts only where a final report may have to be repeated.
        self.add(delivered.map(|delivered| delivered.status.as_str()));
        self.times([delivered.filter(|delivered| delivered.status.is_final()).map(|delivered| delivered.at)]);
        self.add((stale_possible, final_resent, tries, conflicts, undeliverable));
        self.times([*stale_since]);
        self.times([*not_before, *due].map(|time| time.map(|time| time.max(self.now))));
    }

    /// Of a write that will not be, or was not, only what led to it goes on.
    fn write(&mut self, write: &PendingWrite, is_mine: bool) {
        let PendingWrite { observation, pending: claim } = write;
        self.add((is_mine, write.is_insert()));
        self.observation(observation);
        if is_mine {
            self.claim(claim);
        } else {
            claim.observations.iter().for_each(|observation| self.observation(observation));
        }
    }

    fn status_at(&mut self, reported: Option<StatusAt>) {
        self.add(reported.map(|reported| reported.status.as_str()));
        self.times([reported.map(|reported| reported.at)]);
    }

    fn claim(&mut self, claim: &PendingEffects) {
        let PendingEffects { row, effects, observations: observation, decided_at: at } = claim;
        self.row(row);
        self.time((*at).max(self.now - CLAIM_EXPIRED_AFTER));
        self.add((effects.len(), observation.len()));
        effects.iter().for_each(|effect| self.effect(effect));
        observation.iter().for_each(|observation| self.observation(observation));
    }

    fn effect(&mut self, effect: &Effect) {
        self.add(std::mem::discriminant(effect));
        match effect {
            Effect::StartBuild { attempt, spec: _, token: _ } => self.add(attempt),
            Effect::QueryBuilds(search) => self.times([Some(search.asked_at), Some(search.not_before)]),
            Effect::ReportStatus { entry, report, claim, target: _ } => {
                self.add((entry, &report.comment));
                self.status_at(Some(*claim));
            }
            // What these name is the same in all states.
            Effect::ReadPolicy
            | Effect::ResolveRef { .. }
            | Effect::CountJob { .. }
            | Effect::DescribeBuild(_)
            | Effect::StopBuild(_)
            | Effect::PublishDoneEvent { .. }
            | Effect::PromoteRepeat(_)
            | Effect::StopDuplicate { .. }
            | Effect::TakeTurn
            | Effect::ReleaseTurn(_)
            | Effect::CancelSeries(_) => {}
        }
    }

    fn observation(&mut self, observation: &Observation) {
        self.add(std::mem::discriminant(observation));
        match observation {
            Observation::StartAttempted { attempt, outcome: answer } => {
                self.add((attempt, std::mem::discriminant(answer), completion(observation)))
            }
            Observation::BuildsListed { asked_at, builds: _ } => {
                self.time(*asked_at);
                self.add(completion(observation));
            }
            Observation::BuildDescribed { build: _, claims_final } => self.add((claims_final, completion(observation))),
            Observation::ReportAttempted { entry, claim, outcome } => {
                self.add(entry);
                self.status_at(Some(*claim));
                self.add(std::mem::discriminant(outcome));
            }
            Observation::JobCounted { outcome, .. } => self.add(std::mem::discriminant(outcome)),
            Observation::PolicyRead(policy) => self.add(std::mem::discriminant(policy)),
            Observation::Due
            | Observation::SlotGranted
            | Observation::ForgePermitGranted
            | Observation::TurnReleased
            | Observation::TurnTaken { .. }
            | Observation::RefResolved { .. }
            | Observation::BuildMissing(_)
            | Observation::CancelRecorded
            | Observation::DoneEventSent { .. }
            | Observation::RepeatPromoted { .. }
            | Observation::QueryFailed(_) => {}
        }
    }
}

/// Whether what was observation of the one build, if anything, says that it has ended.
fn completion(observation: &Observation) -> Option<bool> {
    let of = |build: &ProviderBuild| build.is_complete();
    match observation {
        Observation::StartAttempted { outcome: StartOutcome::Started(build), .. } => Some(of(build)),
        Observation::BuildsListed { builds, .. } => builds.first().map(of),
        Observation::BuildDescribed { build, .. } => Some(of(build)),
        _ => None,
    }
}
