use doorbell_messages::DoneEvent;
use serde_json::json;

use super::{COMMIT, JobHarness, SUCCESS, build_described, mins, policy, policy_found, secs};
use crate::domain::{Admission, Effect, Observation, PublishOutcome, Timestamp};

/// A job of an installation with a topic, whose build has just succeeded.
fn ended_job() -> (JobHarness, Vec<Effect>) {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    job.config.publishes_done_events = true;
    job.observe(policy_found(&policy(json!({"reportTo": null}))));
    let build = job.build(1, SUCCESS);
    job.advance(secs(30));
    let effects = job.observe(build_described(build));
    (job, effects)
}

fn published(effects: &[Effect]) -> Option<(DoneEvent, Timestamp)> {
    let mut published = effects.iter().filter_map(|effect| match effect {
        Effect::PublishDoneEvent { event, claim } => Some(((**event).clone(), *claim)),
        _ => None,
    });
    published.next().inspect(|_| assert!(published.next().is_none()))
}

fn sent(claim: Timestamp, outcome: PublishOutcome) -> Observation {
    Observation::DoneEventSent { claim, outcome }
}

#[test]
fn end_claims_the_done_event_and_its_receipt_settles_the_job() {
    let (mut job, effects) = ended_job();
    let (event, claim) = published(&effects).unwrap();
    assert_eq!((claim, event.commit.unwrap().as_str()), (job.now, COMMIT));
    assert!(job.row.settled_at.is_none());
    assert!(job.observe(sent(claim, PublishOutcome::Published)).is_empty());
    assert!(job.row.settled_at.is_some() && job.row.due_at().is_none());
}

#[test]
fn claim_is_repeated_only_when_its_lease_has_expired() {
    let (mut job, effects) = ended_job();
    let (first, claim) = published(&effects).unwrap();
    job.advance(secs(59));
    assert_eq!(published(&job.fire_due()), None);
    job.advance(secs(1));
    let (second, next_claim) = published(&job.fire_due()).unwrap();
    assert_eq!(first.to_json(), second.to_json());
    // The first worker's outcome comes late: it says nothing about the second call.
    job.observe(sent(claim, PublishOutcome::Published));
    assert!(job.row.owes_done_event());
    job.observe(sent(next_claim, PublishOutcome::Published));
    assert!(!job.row.owes_done_event());
}

#[test]
fn failed_done_event_is_repeated_with_growing_delays() {
    let (mut job, effects) = ended_job();
    let (_, mut claim) = published(&effects).unwrap();
    let mut delays = Vec::new();
    for _ in 0..4 {
        assert!(published(&job.observe(sent(claim, PublishOutcome::Failed("down".to_owned())))).is_none());
        let due = job.row.due_at().unwrap();
        delays.push(due.duration_since(job.now));
        job.now = due;
        claim = published(&job.fire_due()).unwrap().1;
    }
    assert!(delays.windows(2).all(|pair| pair[0] < pair[1]), "{delays:?}");
    assert_eq!(job.row.trail.iter().filter(|entry| entry.message.contains("done event failed")).count(), 1);
}

#[test]
fn refused_done_event_is_given_up_sooner_than_a_failed_one() {
    let refused = |reason: &str| PublishOutcome::Refused(reason.to_owned());
    for (outcome, age, is_owed) in [
        (PublishOutcome::Failed("down".to_owned()), mins(6 * 24 * 60), true),
        (PublishOutcome::Failed("down".to_owned()), mins(8 * 24 * 60), false),
        (refused("gone"), mins(23 * 60), true),
        (refused("gone"), mins(25 * 60), false),
    ] {
        let (mut job, _) = ended_job();
        job.advance(age);
        let (_, claim) = published(&job.fire_due()).unwrap();
        job.observe(sent(claim, outcome.clone()));
        assert_eq!(
            (job.row.owes_done_event(), job.row.settled_at.is_none()),
            (is_owed, is_owed),
            "{outcome:?} {age:?}"
        );
    }
}

#[test]
fn done_event_waits_where_the_topic_takes_no_calls() {
    for admission in [Admission::Queued, Admission::Closed] {
        let mut job = JobHarness::received(json!({"commit": COMMIT}));
        (job.config.publishes_done_events, job.topic_admission) = (true, admission);
        job.observe(policy_found(&policy(json!({"reportTo": null}))));
        let build = job.build(1, SUCCESS);
        assert_eq!(published(&job.observe(build_described(build))), None);
        assert!(job.row.due_at().is_some() && job.row.settled_at.is_none());
        job.topic_admission = Admission::Granted;
        assert!(published(&job.observe(Observation::Due)).is_some(), "its turn has come");
    }
}

#[test]
fn done_event_of_a_job_names_no_arn_and_no_variable() {
    let mut job = JobHarness::received(json!({"commit": COMMIT, "variables": {"TOKEN": "hunter22"}}));
    job.config.publishes_done_events = true;
    let document = json!({"reportTo": null, "variables": ["TOKEN"]});
    job.observe(policy_found(&policy(document)));
    let reason = "arn:aws:iam::123456789012:role/doorbell-build is not authorized".to_owned();
    let attempt = Observation::StartAttempted { attempt: 1, outcome: crate::domain::StartOutcome::Invalid(reason) };
    let (event, _) = published(&job.observe(attempt)).unwrap();
    let json = event.to_json();
    assert!(json.contains("error") && !json.contains("123456789012") && !json.contains("hunter22"), "{json}");
}
