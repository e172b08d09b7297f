use doorbell_messages::RunnerExit;
use serde_json::json;

use super::{CANCELED, FAILED, JobHarness, SUCCESS, build_described, mins, policy_found};
use crate::domain::{
    BuildOutcome, BuildState, CommandRan, Observation, Phase, PolicyLookup, ProviderBuild, StartOutcome,
};

fn command_ran(job: &JobHarness) -> CommandRan {
    let Phase::Finished { result, .. } = &job.row.phase else { panic!("not finished: {:?}", job.row.phase) };
    result.command_ran.expect("each end says whether the command ran")
}

fn ended_with(state: BuildState, reached_command: Option<bool>) -> JobHarness {
    let mut job = JobHarness::running();
    let build = ProviderBuild { reached_command, ..job.build(1, state) };
    job.observe(build_described(build));
    job
}

#[test]
fn build_outcome_says_whether_the_command_ran() {
    let check = |state: BuildState, reached, expected| {
        assert_eq!(command_ran(&ended_with(state.clone(), reached)), expected, "{state:?} {reached:?}");
    };
    check(SUCCESS, None, CommandRan::Yes);
    check(BuildState::Ended(BuildOutcome::CommandFailed { exit_code: 1 }), None, CommandRan::Yes);
    for exit in RunnerExit::ALL {
        let expected =
            if exit.code() <= 243 || exit == RunnerExit::OlderCommit { CommandRan::No } else { CommandRan::Maybe };
        check(BuildState::Ended(BuildOutcome::from_exit_code(exit.code().into())), Some(true), expected);
    }
    for outcome in [FAILED, CANCELED, BuildState::Ended(BuildOutcome::TimedOut)] {
        check(outcome.clone(), Some(false), CommandRan::No);
        check(outcome.clone(), Some(true), CommandRan::Maybe);
        check(outcome, None, CommandRan::Maybe);
    }
}

#[test]
fn job_is_refused_only_if_its_command_certainly_never_ran() {
    assert!(ended_with(FAILED, Some(false)).row.is_refused());
    assert!(!ended_with(FAILED, None).row.is_refused(), "in doubt");
    assert!(!ended_with(SUCCESS, None).row.is_refused());
    assert!(!ended_with(CANCELED, Some(false)).row.is_refused(), "canceled");
    let mut job = JobHarness::received(json!({}));
    assert!(!job.row.is_refused(), "not over");
    job.observe(Observation::PolicyRead(PolicyLookup::NotRegistered));
    assert!(job.row.is_refused(), "rejected");
}

#[test]
fn definitely_refused_start_is_a_refusal() {
    let mut job = JobHarness::starting(json!({}));
    job.observe_start(StartOutcome::Invalid("no such image".to_owned()));
    assert_eq!(command_ran(&job), CommandRan::No);
    let mut job = JobHarness::starting(json!({}));
    job.observe_start(StartOutcome::Limited("full".to_owned()));
    job.advance(mins(24 * 60 + 1)).fire_due();
    assert_eq!((command_ran(&job), job.row.is_refused()), (CommandRan::No, true));
}

#[test]
fn start_whose_outcome_was_never_learnt_stays_in_doubt() {
    for on_unknown_start in ["stop", "retry"] {
        let mut job = JobHarness::starting(json!({ "onUnknownStart": on_unknown_start }));
        job.observe_start(StartOutcome::Unknown("timeout".to_owned()));
        job.advance(mins(17));
        let asked_at = job.now;
        job.observe(Observation::BuildsListed { asked_at, builds: Vec::new() });
        if on_unknown_start == "retry" {
            // The second start is definitely refused; the first one stays in doubt.
            job.observe_start(StartOutcome::Invalid("no such image".to_owned()));
        }
        assert_eq!((command_ran(&job), job.row.is_refused()), (CommandRan::Maybe, false), "{on_unknown_start}");
    }
}

#[test]
fn job_that_ends_before_its_start_never_ran_its_command() {
    let mut job = JobHarness::received(json!({}));
    job.advance(mins(24 * 60 + 1)).observe(Observation::PolicyRead(PolicyLookup::Unavailable("down".to_owned())));
    assert_eq!(command_ran(&job), CommandRan::No);
    let mut job = JobHarness::received(json!({"id": "a", "action": "cancel"}));
    job.observe(policy_found(&super::policy(json!({"allowCancel": true}))));
    job.observe(Observation::CancelRecorded);
    assert_eq!(command_ran(&job), CommandRan::No);
}
