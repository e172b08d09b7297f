use std::time::Duration;

use doorbell_messages::{JobKey, Status};
use doorbell_registry::OrderRule;
use serde_json::json;

use super::{
    COMMIT, HEAD, JobHarness, build_described, commit, final_result, mins, policy, policy_found, secs, start_call,
};
use crate::domain::{BuildOutcome, BuildState, Effect, Observation, Phase, StartOutcome, TurnOutcome};

/// An accepted job of an order; it has asked for its turn.
fn accepted(order: &str) -> JobHarness {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    let effects = job.observe(policy_found(&policy(json!({ "order": order }))));
    assert_eq!(effects, [Effect::TakeTurn], "before any claim");
    assert!(matches!(job.row.phase, Phase::Accepted { .. }), "{:?}", job.row.phase);
    job
}

fn take(job: &mut JobHarness, outcome: TurnOutcome) -> Vec<Effect> {
    let rev = job.row.rev;
    job.observe(Observation::TurnTaken { rev, outcome })
}

fn other() -> JobKey {
    "demo#other#0123456789abcdef01234567".parse().unwrap()
}

fn listed(effects: &[Effect]) -> Option<String> {
    let Some(Effect::StartBuild { spec, .. }) = effects.first() else { panic!("no start in {effects:?}") };
    let variable = spec.environment.iter().find(|variable| variable.name == doorbell_messages::NOT_OLDER_THAN);
    variable.map(|variable| variable.value.clone())
}

#[test]
fn granted_turn_claims_the_start_with_its_commits() {
    let mut job = accepted("newest");
    let effects = take(&mut job, TurnOutcome::Granted(vec![commit(HEAD)]));
    assert_eq!(listed(&effects).as_deref(), Some(HEAD));
    assert_eq!(job.row.launch().unwrap().not_older_than, [commit(HEAD)]);
}

#[test]
fn next_attempt_takes_a_turn_of_its_own() {
    let mut job = accepted("newest");
    take(&mut job, TurnOutcome::Granted(vec![commit(HEAD)]));
    job.observe_start(StartOutcome::Limited("full".to_owned()));
    assert_eq!(job.fire_when_due(), [Effect::TakeTurn]);
    let effects = take(&mut job, TurnOutcome::Granted(Vec::new()));
    assert_eq!(listed(&effects), None, "the list of the attempt before is gone");
}

/// A worker that slept between turn and claim: another one has written the row since.
#[test]
fn turn_of_an_earlier_revision_is_taken_again() {
    let mut job = accepted("newest");
    let rev = job.row.rev;
    take(&mut job, TurnOutcome::Waiting { behind: Some(other()), is_next: true });
    assert_ne!(job.row.rev, rev);
    let effects = job.observe(Observation::TurnTaken { rev, outcome: TurnOutcome::Granted(Vec::new()) });
    assert_eq!(effects, [Effect::TakeTurn]);
    assert!(matches!(job.row.phase, Phase::Accepted { .. }), "{:?}", job.row.phase);
}

#[test]
fn turn_of_a_started_job_changes_nothing() {
    let mut job = accepted("serial");
    take(&mut job, TurnOutcome::Granted(Vec::new()));
    let before = job.row.clone();
    assert_eq!(take(&mut job, TurnOutcome::Superseded(other())), []);
    assert_eq!(job.row, before);
}

#[test]
fn waiting_job_is_due_by_its_place() {
    let check = |outcome: TurnOutcome, due: Duration, text: &str| {
        let mut job = accepted("serial");
        assert_eq!(take(&mut job, outcome), []);
        assert_eq!(job.row.phase_due_at, Some(job.now + due));
        let effects = job.advance(secs(10)).observe(Observation::Due);
        assert_eq!(super::reported(&effects), Some((Status::Queued, text.to_owned())));
    };
    let behind = || Some(other());
    let text = format!("waits for {} on the same ref", other());
    check(TurnOutcome::Waiting { behind: behind(), is_next: true }, secs(15), &text);
    check(TurnOutcome::Waiting { behind: behind(), is_next: false }, mins(5), &text);
    check(TurnOutcome::Waiting { behind: None, is_next: true }, secs(15), "waits for its turn on the same ref");
    check(TurnOutcome::Full, secs(60), "too many jobs wait on the same ref");
}

#[test]
fn failed_turn_is_taken_again_later() {
    let mut job = accepted("serial");
    assert_eq!(take(&mut job, TurnOutcome::Failed("throttled".to_owned())), []);
    assert!(job.row.phase_due_at > Some(job.now));
    assert_eq!(job.fire_when_due(), [Effect::TakeTurn]);
}

#[test]
fn superseded_job_ends_itself_and_passes_the_ref_on() {
    let mut job = accepted("newest");
    let effects = take(&mut job, TurnOutcome::Superseded(other()));
    assert_eq!(final_result(&job.row), (Status::Canceled, format!("superseded by {}", other()).as_str()));
    assert_eq!(effects.first(), Some(&Effect::ReleaseTurn(OrderRule::Newest)));
}

#[test]
fn end_of_the_queue_timeout_names_the_job_before() {
    let mut job = accepted("serial");
    take(&mut job, TurnOutcome::Waiting { behind: Some(other()), is_next: true });
    let effects = job.advance(mins(24 * 60 + 1)).fire_due();
    let text = format!("waited too long for a build: waits for {} on the same ref", other());
    assert_eq!(final_result(&job.row), (Status::Error, text.as_str()));
    assert_eq!(effects.first(), Some(&Effect::ReleaseTurn(OrderRule::Serial)));
}

#[test]
fn build_that_stepped_aside_names_the_newer_commit() {
    for (others, rest) in [(vec![], ""), (vec![commit(COMMIT)], ", or than one of 1 more (the log names it)")] {
        let mut job = accepted("newest");
        let commits = [commit(HEAD)].into_iter().chain(others).collect();
        take(&mut job, TurnOutcome::Granted(commits));
        job.observe_started(1);
        let build = job.build(1, BuildState::Ended(BuildOutcome::OlderCommit));
        let effects = job.observe(build_described(build));
        let text = format!("older than commit {HEAD} of the same ref{rest}");
        assert_eq!(final_result(&job.row), (Status::Canceled, text.as_str()));
        assert_eq!(effects.first(), Some(&Effect::ReleaseTurn(OrderRule::Newest)));
        let Phase::Finished { not_older_than, .. } = &job.row.phase else { panic!("{:?}", job.row.phase) };
        assert_eq!(not_older_than[0], commit(HEAD));
    }
}

#[test]
fn denied_job_keeps_its_order_until_it_is_over() {
    let mut job = accepted("serial");
    take(&mut job, TurnOutcome::Granted(Vec::new()));
    job.observe_start(StartOutcome::Denied("no right".to_owned()));
    assert_eq!((job.row.schema(), matches!(job.row.phase, Phase::Received)), (2, true));
    job.fire_when_due();
    let effects = job.observe(policy_found(&policy(json!({"defaultBranch": "other"}))));
    assert_eq!(job.row.status(), Status::Rejected);
    assert_eq!(effects.first(), Some(&Effect::ReleaseTurn(OrderRule::Serial)));
}

#[test]
fn parallel_job_takes_no_turn() {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    let effects = job.observe(policy_found(&policy(json!({}))));
    assert!(start_call(&effects).is_some() && !effects.contains(&Effect::TakeTurn));
}
