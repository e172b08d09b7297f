use doorbell_messages::Status;
use serde_json::json;

use super::{COMMIT, JobHarness, final_result, mins, policy, policy_found, start_call};
use crate::domain::{CountOutcome, Effect, HourlyCount, Observation, Phase, RejectionKind, StartOutcome};

/// The answer to the one effect that counts the job.
#[track_caller]
fn counted(effects: &[Effect], outcome: CountOutcome) -> Observation {
    let [Effect::CountJob { policy, build_project, commit, max_jobs: 3 }] = effects else { panic!("{effects:?}") };
    let (policy, build_project, commit) = (policy.clone(), build_project.clone(), commit.clone());
    Observation::JobCounted { policy, build_project, commit, outcome }
}

fn limited_job() -> (JobHarness, Vec<Effect>) {
    let mut job = JobHarness::received(json!({ "commit": COMMIT }));
    let effects = job.observe(policy_found(&policy(json!({ "maxJobsPerHour": 3 }))));
    assert!(matches!(job.row.phase, Phase::Received) && job.row.due_at().is_some(), "a crash leaves it due");
    (job, effects)
}

#[test]
fn counted_job_starts_once() {
    let (mut job, effects) = limited_job();
    let answer = counted(&effects, CountOutcome::Counted);
    assert!(start_call(&job.observe(answer.clone())).is_some());
    let before = job.row.clone();
    assert_eq!((job.observe(answer), &job.row), (Vec::new(), &before), "a second answer changes nothing");
}

#[test]
fn job_above_the_hourly_limit_is_rejected() {
    let (mut job, effects) = limited_job();
    let after = job.observe(counted(&effects, CountOutcome::LimitReached));
    assert_eq!(start_call(&after), None);
    let reason = "project demo runs at most 3 jobs an hour (maxJobsPerHour), and this hour has them: publish it again \
                  after 2027-01-15T09:00:00.000Z";
    assert_eq!(final_result(&job.row), (Status::Rejected, reason));
    let Phase::Rejected { kind, .. } = &job.row.phase else { panic!("{:?}", job.row.phase) };
    assert_eq!(kind, &Some(RejectionKind::HourlyLimitReached));
    assert!(matches!(after[..], [Effect::ReportStatus { .. }]), "the one who asked learns it: {after:?}");
}

#[test]
fn unanswered_count_is_tried_again() {
    let (mut job, effects) = limited_job();
    assert_eq!(job.observe(counted(&effects, CountOutcome::Failed("down".to_owned()))), []);
    assert!(matches!(job.row.phase, Phase::Received) && job.row.due_at() > Some(job.now));
}

#[test]
fn job_counts_in_the_hour_in_which_it_was_received() {
    let (mut job, _) = limited_job();
    let count = HourlyCount::of(&job.row);
    assert_eq!(count.to_string(), "#hour#demo#2027-01-15T08:00:00.000Z");
    job.now = job.now + mins(300);
    let _ = job.fire_due();
    assert_eq!(HourlyCount::of(&job.row), count);
}

#[test]
fn denied_job_is_not_counted_again() {
    let (mut job, effects) = limited_job();
    job.observe(counted(&effects, CountOutcome::Counted));
    job.observe(Observation::StartAttempted { attempt: 1, outcome: StartOutcome::Denied("no".to_owned()) });
    assert!(matches!(job.row.phase, Phase::Received));
    let again = job.observe(policy_found(&policy(json!({ "maxJobsPerHour": 3 }))));
    assert!(start_call(&again).is_some(), "{again:?}");
}
