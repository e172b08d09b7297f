//! What must hold after every step of a job's life, for any observations, in any order and at any time.

mod generated_event;

use std::collections::{HashMap, HashSet};

use doorbell_messages::{BuildId, Status};
use proptest::prelude::*;
use serde_json::json;

use self::generated_event::{GeneratedEvent, events};
use super::{
    CANCELED, COMMIT, FAILED, HEAD, JobHarness, RUNNING, START, SUCCESS, commit, policy, policy_found, ref_resolved,
    secs,
};
use crate::domain::{
    Admission, BuildOutcome, BuildState, DeliveryOutcome, DesiredState, Effect, Observation, Phase, PolicyLookup,
    ProviderBuild, RefResolution, Row, StartOutcome, StatusAt, Timestamp,
};

/// A life, and what the world knows of it.
struct InvariantChecker {
    job: JobHarness,
    has_commit: bool,
    /// Token, attempt and time of every send.
    start_calls: Vec<(String, u32, Timestamp)>,
    inputs: HashMap<String, String>,
    reports: Vec<StatusAt>,
    /// Attempts that were definitely refused, or whose absence may be believed.
    closed_attempts: HashSet<u32>,
}

/// The states of builds, by the number that a generated event has.
fn build_state(number: u8) -> BuildState {
    match number % 5 {
        0 => RUNNING,
        1 => SUCCESS,
        2 => FAILED,
        3 => CANCELED,
        _ => BuildState::Ended(BuildOutcome::Unknown { status: "NEW_WORD".to_owned() }),
    }
}

impl InvariantChecker {
    fn new(has_commit: bool) -> Self {
        let fields = if has_commit { json!({"commit": COMMIT}) } else { json!({}) };
        let (start_calls, inputs, reports, closed_attempts) = Default::default();
        Self { job: JobHarness::received(fields), has_commit, start_calls, inputs, reports, closed_attempts }
    }

    fn handle(&mut self, event: &GeneratedEvent) {
        let observation = match event {
            GeneratedEvent::Advance(seconds) => {
                self.job.advance(secs(*seconds));
                return;
            }
            GeneratedEvent::Slot(is_open) => {
                self.job.slot_available = *is_open;
                return;
            }
            GeneratedEvent::ForgeAdmission(index) => {
                self.job.forge_admission = match index {
                    0 => Admission::Queued,
                    1 => Admission::Closed,
                    _ => Admission::Granted,
                };
                return;
            }
            GeneratedEvent::ForgePermit => Observation::ForgePermitGranted,
            GeneratedEvent::RequestCancel => {
                if self.job.row.settled_at.is_none() && !self.job.row.status().is_final() {
                    self.job.row.desired = DesiredState::Cancel;
                    self.job.row.phase_due_at = Some(self.job.now);
                }
                return;
            }
            GeneratedEvent::Due => {
                self.job.now = self.job.now.max(self.job.row.due_at().unwrap_or(self.job.now));
                Observation::Due
            }
            GeneratedEvent::PolicyRead(index) => Observation::PolicyRead(match index {
                0 => PolicyLookup::NotRegistered,
                1 => PolicyLookup::Invalid("wrong".to_owned()),
                2 => PolicyLookup::Unavailable("down".to_owned()),
                3 => {
                    return self
                        .observe(policy_found(&policy(json!({"onUnknownStart": "stop", "command": "./other"}))));
                }
                4 => return self.observe(policy_found(&policy(json!({"refs": ["v1"]})))),
                _ => return self.observe(policy_found(&policy(json!({})))),
            }),
            GeneratedEvent::RefResolved(index) => ref_resolved(
                &policy(json!({})),
                match index {
                    0 => RefResolution::Commit(commit(HEAD)),
                    1 => RefResolution::Missing("gone".to_owned()),
                    2 => RefResolution::Unclear("not yet".to_owned()),
                    _ => RefResolution::Unavailable("down".to_owned()),
                },
            ),
            GeneratedEvent::StartAttempted { back, answer, number } => {
                let Some((_, attempt, _)) = self.start_calls.iter().rev().nth(*back).cloned() else { return };
                let answer = match answer {
                    0 | 1 => StartOutcome::Started(self.job.build(*number, RUNNING)),
                    2 => StartOutcome::Limited("full".to_owned()),
                    3 => StartOutcome::Denied("denied".to_owned()),
                    4 => StartOutcome::NotSent,
                    5 => StartOutcome::Throttled("slow down".to_owned()),
                    _ => StartOutcome::Unknown("no answer".to_owned()),
                };
                let is_refusal = !matches!(answer, StartOutcome::Started(_) | StartOutcome::Unknown(_));
                if is_refusal && self.start_calls.iter().filter(|(_, of, _)| *of == attempt).count() == 1 {
                    self.closed_attempts.insert(attempt);
                }
                Observation::StartAttempted { attempt, outcome: answer }
            }
            GeneratedEvent::BuildsListed { builds, asked_ago } => {
                let asked_at = self.job.now - secs(*asked_ago);
                let builds: Vec<ProviderBuild> =
                    builds.iter().map(|(number, status)| self.build(*number, *status, false)).collect();
                if builds.is_empty() {
                    let last = self.start_calls.last().map_or(START, |(_, _, at)| *at);
                    if asked_at.duration_since(last) >= secs(16 * 60) {
                        self.closed_attempts.extend(self.start_calls.last().map(|(_, attempt, _)| *attempt));
                    }
                }
                Observation::BuildsListed { asked_at, builds }
            }
            GeneratedEvent::BuildDescribed { number, status, claims_final, is_foreign } => {
                Observation::BuildDescribed {
                    build: self.build(*number, *status, *is_foreign),
                    claims_final: *claims_final,
                }
            }
            GeneratedEvent::BuildMissing(number) => Observation::BuildMissing(BuildId::new(format!("builds:{number}"))),
            GeneratedEvent::ReportAttempted { back, outcome } => {
                let Some(claim) = self.reports.iter().rev().nth(*back).copied() else { return };
                let outcome = match outcome {
                    0 | 1 => DeliveryOutcome::Delivered,
                    2 => DeliveryOutcome::Unknown("no answer".to_owned()),
                    3 => DeliveryOutcome::Failed { reason: "503".to_owned(), retry_after: Some(u32::MAX) },
                    _ => DeliveryOutcome::Conflict("EDBERROR".to_owned()),
                };
                Observation::ReportAttempted { entry: 0, claim, outcome }
            }
            GeneratedEvent::CancelRecorded => Observation::CancelRecorded,
            GeneratedEvent::QueryFailed => Observation::QueryFailed("down".to_owned()),
        };
        // Only cancel requests see these two before a launch; this is none.
        if matches!(observation, Observation::CancelRecorded) && matches!(self.job.row.phase, Phase::Received) {
            return;
        }
        self.observe(observation);
    }

    fn build(&self, number: i64, status: u8, is_foreign: bool) -> ProviderBuild {
        let build = self.job.build(number, build_state(status));
        if is_foreign { ProviderBuild { is_own: false, ..build } } else { build }
    }

    fn observe(&mut self, observation: Observation) {
        let is_foreign = matches!(&observation, Observation::BuildDescribed { build, .. } if !build.is_own);
        let before = self.job.row.clone();
        let effects = self.job.observe(observation);
        let after = self.job.row.clone();
        check_transition(&before, &after);
        if is_foreign && before.build().is_none() {
            assert!(after.build().is_none(), "a foreign build was adopted");
        }
        for effect in &effects {
            match effect {
                Effect::StartBuild { spec, token, attempt } => {
                    let input = serde_json::to_string(spec).unwrap();
                    self.check_start(&before, &after, &input, token, *attempt)
                }
                Effect::ReportStatus { report, claim, .. } => self.check_report(&after, report.status, *claim),
                _ => {}
            }
        }
    }

    fn check_start(&mut self, before: &Row, after: &Row, input: &str, token: &str, attempt: u32) {
        let now = self.job.now;
        assert!(after.rev > before.rev, "a send without a write");
        assert_eq!(after.desired, DesiredState::Run, "a job that is to end is started");
        let Phase::Starting { first_sent_at, last_sent_at, .. } = &after.phase else {
            panic!("a send without its claim")
        };
        assert_eq!(*last_sent_at, now);
        assert!(now.duration_since(*first_sent_at) < secs(240), "a token older than four minutes is sent");
        assert_eq!(after.phase_due_at, Some(now + secs(60)), "the lease");
        let known = self.inputs.entry(token.to_owned()).or_insert_with(|| input.to_owned());
        assert_eq!(known, input, "one token, two inputs");
        for (other, of, _) in &self.start_calls {
            if other != token {
                assert!(self.closed_attempts.contains(of), "attempt {attempt} is sent while attempt {of} is in doubt");
            }
        }
        if !self.has_commit {
            assert!(input.contains(HEAD));
        }
        self.start_calls.push((token.to_owned(), attempt, now));
    }

    fn check_report(&mut self, after: &Row, status: Status, claim: StatusAt) {
        assert_eq!(status, after.status(), "a report is a function of the row");
        assert_eq!(after.reports[0].notification.in_flight, Some(claim));
        if let Some(StatusAt { status: last, .. }) = self.reports.last() {
            assert!(rank(status) >= rank(*last), "{status} is reported after {last}");
        }
        if status == Status::Queued {
            assert!(self.job.now.duration_since(after.received_at) >= secs(10));
        }
        self.reports.push(claim);
    }
}

fn rank(status: Status) -> u8 {
    match status {
        Status::Queued => 0,
        Status::Running => 1,
        _ => 2,
    }
}

/// What holds between any two writes of a row.
fn check_transition(before: &Row, after: &Row) {
    assert!(rank(after.status()) >= rank(before.status()), "{} became {}", before.status(), after.status());
    if before.status().is_final() {
        assert_eq!(before.status(), after.status(), "a final status changed");
    }
    assert_eq!(after.due_at().is_some(), after.settled_at.is_none(), "due exactly until settled: {after:?}");
    assert_eq!(after.expires_at().is_some(), after.settled_at.is_some());
    assert!(before.settled_at.is_none() || after.settled_at == before.settled_at);
    if after.settled_at.is_some() {
        assert!(after.status().is_final());
        let notification = after.reports.first().map(|entry| &entry.notification);
        let delivered = notification.and_then(|notification| notification.delivered).map(|delivered| delivered.status);
        let is_delivered = delivered == Some(after.status());
        assert!(notification.is_none_or(|notification| is_delivered || notification.undeliverable.is_some()));
    }
    if let (Some(old), Some(new)) = (before.build(), after.build()) {
        assert_eq!(old.id, new.id, "a row changed its build");
    }
    assert!(after.trail.len() <= 24);
    let json = serde_json::to_string(after).unwrap();
    assert!(json.len() < 20_000, "{} bytes", json.len());
    assert_eq!(serde_json::from_str::<Row>(&json).unwrap(), *after, "a row is read as it was written");
}

proptest! {
    // `PROPTEST_CASES=20000` makes a longer search of it.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_observations_keep_the_row_invariants(has_commit: bool, events in events()) {
        let mut checker = InvariantChecker::new(has_commit);
        for event in &events {
            checker.handle(event);
        }
    }

    #[test]
    fn job_settles_once_all_services_recover(has_commit: bool, events in events()) {
        let mut checker = InvariantChecker::new(has_commit);
        for event in &events {
            checker.handle(event);
        }
        checker.job.slot_available = true;
        checker.job.forge_admission = Admission::Granted;
        for _ in 0..200 {
            if checker.job.row.settled_at.is_some() {
                break;
            }
            checker.handle(&GeneratedEvent::Due);
            match &checker.job.row.phase {
                Phase::Received => {
                    checker.handle(&GeneratedEvent::PolicyRead(5));
                    checker.handle(&GeneratedEvent::RefResolved(0));
                }
                Phase::Starting { .. } => checker.handle(&GeneratedEvent::StartAttempted { back: 0, answer: 0, number: 1 }),
                Phase::Running { build, .. } => {
                    let number = build.id.as_str().rsplit(':').next().unwrap().parse().unwrap();
                    checker.handle(&GeneratedEvent::BuildDescribed { number, status: 1, claims_final: true, is_foreign: false });
                }
                Phase::Accepted { .. } | Phase::Finished { .. } | Phase::Rejected { .. } => {}
            }
            checker.handle(&GeneratedEvent::ReportAttempted { back: 0, outcome: 0 });
        }
        prop_assert!(checker.job.row.settled_at.is_some(), "{:?}", checker.job.row);
    }
}
