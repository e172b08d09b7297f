//! Promotion: the repeat of a job that was refused, or canceled before it, becomes the next job.

use doorbell_messages::{JobKey, Status};
use serde_json::json;

use super::{CANCELED, JobHarness, START, SUCCESS, build_described, mins, secs};
use crate::domain::{
    BuildOutcome, BuildState, DesiredState, Effect, Observation, PolicyLookup, ProviderBuild, RepeatRequest,
};

fn repeat() -> RepeatRequest {
    RepeatRequest { message: "m2".to_owned(), sent_at: START + secs(10), cause: None, origin: None }
}

fn next_key(job: &JobHarness) -> JobKey {
    job.row.key.later_job("m2")
}

fn promotions(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::PromoteRepeat(_))).count()
}

fn with_repeat(mut job: JobHarness) -> JobHarness {
    job.row.repeat = Some(repeat());
    job
}

/// A job without a report that is rejected while it remembers a repeat.
fn rejected() -> (JobHarness, Vec<Effect>) {
    let mut job = with_repeat(JobHarness::received(json!({"id": "a"})));
    let effects = job.observe(Observation::PolicyRead(PolicyLookup::NotRegistered));
    (job, effects)
}

#[test]
fn repeat_of_a_rejected_job_is_promoted() {
    let (mut job, effects) = rejected();
    let [Effect::PromoteRepeat(incoming)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((incoming.series.clone(), incoming.own_key()), (job.row.key.clone(), next_key(&job)));
    assert_eq!((incoming.message.id.as_str(), incoming.message.sent_at), ("m2", START + secs(10)));
    assert_eq!(incoming.request.git_ref, job.row.request.git_ref);
    job.observe(Observation::RepeatPromoted { message: "m2".to_owned(), followed_by: Some(next_key(&job)) });
    assert_eq!((job.row.followed_by.clone(), job.row.repeat.clone()), (Some(next_key(&job)), None));
    assert!(job.row.settled_at.is_some() && job.row.due_at().is_none());
}

#[test]
fn refused_row_stays_due_until_the_next_job_is_durable() {
    let (mut job, _) = rejected();
    for _ in 0..3 {
        assert_eq!((job.row.settled_at, job.row.due_at()), (None, Some(job.now + mins(1))));
        job.observe(Observation::QueryFailed("the ledger did not answer".to_owned()));
        assert_eq!(promotions(&job.fire_when_due()), 1, "repeated after a crash");
    }
}

#[test]
fn repeat_of_a_build_that_never_ran_the_command_is_promoted() {
    let mut job = with_repeat(JobHarness::running());
    let build = job.build(1, BuildState::Ended(BuildOutcome::from_exit_code(242)));
    let effects = job.observe(build_described(build));
    assert_eq!(promotions(&effects), 1);
    assert_eq!(job.deliver_all(effects), [Status::Error]);
    assert_eq!(job.row.settled_at, None, "reported, but the repeat has no job yet");
    job.observe(Observation::RepeatPromoted { message: "m2".to_owned(), followed_by: None });
    assert!(job.row.settled_at.is_some());
}

#[test]
fn repeat_is_dropped_by_any_other_end() {
    for (state, reached_command) in [
        (SUCCESS, None),
        (BuildState::Ended(BuildOutcome::CommandFailed { exit_code: 1 }), None),
        (BuildState::Ended(BuildOutcome::TimedOut), None),
        // Stopped by a person at the provider.
        (CANCELED, Some(false)),
    ] {
        let mut job = with_repeat(JobHarness::running());
        let build = ProviderBuild { reached_command, ..job.build(1, state) };
        let effects = job.observe(build_described(build));
        assert_eq!((promotions(&effects), &job.row.repeat), (0, &None), "{:?}", job.row.phase);
    }
}

#[test]
fn repeat_published_after_the_cancel_of_its_job_is_promoted() {
    for (canceled_at, expected) in [(START + secs(9), 1), (START + secs(10), 0), (START + secs(11), 0)] {
        let mut job = with_repeat(JobHarness::running());
        (job.row.desired, job.row.canceled_at) = (DesiredState::Cancel, Some(canceled_at));
        let build = job.build(1, CANCELED);
        assert_eq!(promotions(&job.observe(build_described(build))), expected, "{canceled_at}");
    }
}

#[test]
fn promotion_of_another_repeat_changes_nothing() {
    let (mut job, _) = rejected();
    let before = job.row.clone();
    job.observe(Observation::RepeatPromoted { message: "m1".to_owned(), followed_by: None });
    assert_eq!(job.row, before);
    let mut running = with_repeat(JobHarness::running());
    let before = running.row.clone();
    running.observe(Observation::RepeatPromoted { message: "m2".to_owned(), followed_by: None });
    assert_eq!(running.row, before, "not over");
}
